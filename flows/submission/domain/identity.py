"""Whether a number at PanDA is the task that is recorded: by name, user and server. Pure.

A number alone names nothing: another PanDA, or the same one after its database was restored, gives
the same numbers to other tasks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from blocks.panda_server import PandaTask
from blocks.pcs_service import ProdTask

_TRY: Final = re.compile(r"\.try[0-9]{1,6}$")


@dataclass(frozen=True)
class Here:
    """The PanDA that is set, and who we are there.

    Attributes:
        server: Its address.
        formers: Other addresses of the same one.
        user: The userName under which it stores our tasks.
    """

    server: str
    formers: tuple[str, ...]
    user: str


@dataclass(frozen=True)
class Origin:
    """Where the ops side had a number from, and whose its task was; None: it does not know."""

    user: str | None = None
    server: str | None = None


@dataclass(frozen=True)
class Recorded:
    """A number that PCS has of a task, and what it stands for.

    Attributes:
        name: The name at PanDA that is expected.
        status: The state at PanDA that PCS has.
        is_any_try: Whether PCS keeps no attempts: of any of them it tells only the task's name.
    """

    task_name: str
    name: str
    jedi_task_id: int
    status: str = ""
    origin: Origin = Origin()
    is_any_try: bool = False

    def of(self, origin: Origin | None) -> Recorded:
        """The same, with where it came from."""
        return replace(self, origin=origin or Origin())

    def is_named(self, name: str | None) -> bool:
        """Whether a task of that name may be this one."""
        if self.is_any_try and name is not None:
            name = _TRY.sub("", name)
        return name == self.name


def recorded(task: ProdTask) -> list[Recorded]:
    """The numbers that PCS has of a task."""
    found = [
        Recorded(task.name, each.task_name, each.jedi_task_id, each.status_snapshot)
        for each in task.panda_tasks
        if each.jedi_task_id is not None
    ]
    if task.panda_task_id not in {None, *(each.jedi_task_id for each in found)}:
        name = task.composed_name or task.name
        found.append(Recorded(task.name, name, task.panda_task_id or 0, is_any_try=True))
    return found


def elsewhere(record: Recorded, here: Here) -> str | None:
    """That the number is another PanDA's; None where it is not known to be."""
    server = record.origin.server
    if server is None or server in {here.server, *here.formers}:
        return None
    return (
        f"jediTaskID {record.jedi_task_id} of {record.name} was given by the PanDA at {server}; "
        f"the one that is set is {here.server}"
    )


def foreign(record: Recorded, seen: PandaTask, here: Here) -> str | None:
    """Why what PanDA has under the number is not the task that is recorded; None where it is."""
    if text := elsewhere(record, here):
        return text
    user = record.origin.user
    is_dropped = seen.name is None and not seen.is_live  # JEDI takes the name of a duplicate away
    is_ours = (is_dropped or record.is_named(seen.name)) and user in {None, seen.user_name}
    if is_ours:
        return None
    whose = f" of {user}" if user else ""
    return (
        f"jediTaskID {seen.id} is recorded for {record.name}{whose}; at {here.server} it is "
        f"{seen.name or 'a task without a name'} of {seen.user_name or 'nobody'}"
    )


def of_another_user(record: Recorded, seen: PandaTask, here: Here) -> str | None:
    """That somebody else submitted the task; None where we did, or whoever is known to have."""
    if seen.user_name in {None, record.origin.user, here.user}:
        return None
    return f"jediTaskID {seen.id} was submitted by {seen.user_name}, not by {here.user}"


def absent(record: Recorded, here: Here) -> str:
    """That PanDA shows nothing under the number."""
    return f"{here.server} knows no task {record.jedi_task_id}, which is recorded for {record.name}"
