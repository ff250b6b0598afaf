"""What the tasks at PanDA, and their states, mean for the tasks of PCS. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from blocks.panda_server import PandaTask
from blocks.pcs_service import Attempt, ProdTask
from flows.submission.domain.inputs import INPUTS_FAILED

_PERCENT: Final = 100


@dataclass(frozen=True)
class StatusNews:
    """A task's state at PanDA that PCS does not have yet."""

    task: ProdTask
    panda_name: str
    jedi_task_id: int
    status: str
    inputs: int | None = None
    inputs_failed: int | None = None


@dataclass(frozen=True)
class Succession:
    """A task that PanDA ended as the duplicate of another, which is to take its place.

    Attributes:
        user_name: Whose the duplicate is: JEDI compares the names of one user's tasks.
    """

    task: ProdTask
    attempt: Attempt
    survivor_id: int
    user_name: str | None

    @property
    def panda_name(self) -> str:
        """The name at PanDA that both were given."""
        return self.attempt.task_name

    @property
    def jedi_task_id(self) -> int:
        """The duplicate's number, which PCS has."""
        return self.attempt.jedi_task_id or 0


@dataclass(frozen=True)
class UnrecordedTask:
    """A task of one of our names whose id PCS does not have."""

    task: ProdTask
    panda_name: str
    jedi_task_id: int
    status: str


News = StatusNews | Succession | UnrecordedTask


def news(
    tasks: Sequence[ProdTask], seen: Sequence[PandaTask], *, in_work: Collection[str] = ()
) -> list[News]:
    """What PCS is to learn of the tasks that PanDA shows.

    Args:
        tasks: PCS's production tasks, with their attempts.
        seen: The tasks as PanDA shows them now.
        in_work: Names at PanDA that a submission is still working on: they are its to record.
    """
    known = {attempt.jedi_task_id: (task, attempt) for task in tasks for attempt in _recorded(task)}
    unrecorded = {name: task for task in tasks for name in _unsubmitted_names(task)}
    found: list[News] = []
    for each in seen:
        if each.id in known:
            task, attempt = known[each.id]
            if each.survivor_id is not None:
                found.append(Succession(task, attempt, each.survivor_id, each.user_name))
            elif each.status != attempt.status_snapshot or _counts_changed(attempt, each):
                counts = (each.inputs, each.inputs_failed)
                found.append(StatusNews(task, attempt.task_name, each.id, each.status, *counts))
        elif each.name in unrecorded and each.name not in in_work and each.survivor_id is None:
            found.append(UnrecordedTask(unrecorded[each.name], each.name, each.id, each.status))
    return found


def survivor(named: Sequence[PandaTask]) -> int | None:
    """The one task of a name; None where there is none, or several may still live.

    JEDI ends the second of two tasks that one name got, and says of which it is a duplicate.
    """
    found = [each for each in named if each.survivor_id is None]
    if len(found) > 1:
        found = [each for each in found if each.is_live]
    return found[0].id if len(found) == 1 else None


def is_rerun(task: PandaTask) -> bool:
    """Whether PanDA would run the task again where its name is submitted."""
    return task.is_ended or task.status == "exhausted"


def unsettled(tasks: Sequence[ProdTask]) -> list[tuple[int, str]]:
    """The ids that are submitted and not known to have ended, each with its last known state."""
    return [
        (attempt.jedi_task_id, attempt.status_snapshot)
        for task in tasks
        if task.status == "submitted"
        for attempt in _recorded(task)
        if attempt.jedi_task_id is not None and attempt.jedi_task_id == task.panda_task_id
    ]


def _recorded(task: ProdTask) -> list[Attempt]:
    """The attempts with an id; the one of a PCS that keeps only the task's id is made up."""
    recorded = [each for each in task.panda_tasks if each.jedi_task_id is not None]
    ids = {each.jedi_task_id for each in recorded}
    if task.panda_task_id is not None and task.panda_task_id not in ids:
        name = task.composed_name
        recorded.append(Attempt(id=0, task_name=name, jedi_task_id=task.panda_task_id))
    return recorded


def _unsubmitted_names(task: ProdTask) -> Iterator[str]:
    if task.panda_task_id is None and not task.panda_tasks:
        yield task.composed_name
    for attempt in task.panda_tasks:
        if attempt.jedi_task_id is None:
            yield attempt.task_name


def _counts_changed(attempt: Attempt, seen: PandaTask) -> bool:
    """Whether PCS is to learn how many inputs failed.

    Of a task that has ended, exactly; of one that works, to a hundredth of its inputs: each piece
    of news is a call to PCS.
    """
    if seen.inputs_failed is None:
        return False
    known = attempt.metadata.get(INPUTS_FAILED)
    if seen.is_ended:
        return bool(known != seen.inputs_failed)
    return bool(
        _PERCENT * abs(seen.inputs_failed - (known or 0)) >= max(seen.inputs or 0, _PERCENT)
    )


def in_turn(numbers: Sequence[int], most: int, turn: int) -> list[int]:
    """Up to `most` of the numbers, others at each turn, so that all get theirs."""
    if len(numbers) <= most:
        return list(numbers)
    first = turn * most % len(numbers)
    return [*numbers[first:], *numbers[:first]][:most]
