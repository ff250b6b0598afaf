"""What an operator may decide of a submission, and what speaks against it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from blocks.errors import Refused
from blocks.panda_server import PandaTask
from blocks.pcs_service import ProdTask
from flows.submission.domain import identity
from flows.submission.domain.identity import Here, Recorded
from flows.submission.models import AttemptState, SubmissionAttempt


class NotToBeResolved(Refused):
    """There is nothing to decide, or the decision contradicts what PanDA shows."""


@dataclass(frozen=True)
class Subject:
    """The attempt that a decision is about.

    Attributes:
        panda_name: Its name at PanDA.
        attempt_id: PCS's key of it; None where PCS keeps no attempts.
        former: The number that PCS has of it.
        is_open: Whether its submission has not ended.
    """

    panda_name: str
    attempt_id: int | None
    former: int | None
    is_open: bool


def subject(task: ProdTask, attempt: SubmissionAttempt | None) -> Subject:
    """What is to be decided of a task: its open attempt, else the one that it points to.

    Raises:
        NotToBeResolved: There is neither, or nothing of the open one was sent.
    """
    if attempt is not None:
        if attempt.state == AttemptState.CLAIMED and attempt.sends == 0:
            raise NotToBeResolved(
                f"nothing of {attempt.panda_name} was sent: cancel request {attempt.request_id}"
            )
        rows = (each for each in task.panda_tasks if each.task_name == attempt.panda_name)
        row = next(rows, None)
        former = row.jedi_task_id if row is not None else None
        key = row.id if row is not None else attempt.panda_tasks_id
        return Subject(attempt.panda_name, key, former, is_open=True)
    if task.panda_task_id is None:
        raise NotToBeResolved(f"nothing of {task.name} waits to be resolved; it is {task.status}")
    pointed = (each for each in task.panda_tasks if each.jedi_task_id == task.panda_task_id)
    row = next(pointed, None)
    if row is None:
        name = task.composed_name or task.name
        return Subject(name, None, task.panda_task_id, is_open=False)
    return Subject(row.task_name, row.id, task.panda_task_id, is_open=False)


def against_adoption(about: Subject, jedi_task_id: int, seen: PandaTask | None, here: Here) -> str:
    """Why the number cannot be the attempt's task; empty where it can."""
    if seen is None:
        return f"{here.server} knows no task {jedi_task_id}"
    if seen.name != about.panda_name:
        return (
            f"{here.server} has {seen.id} as {seen.name or 'a task without a name'} of "
            f"{seen.user_name or 'nobody'}; the attempt is {about.panda_name}"
        )
    return ""


def against_failure(
    about: Subject,
    record: Recorded | None,
    seen: PandaTask | None,
    named: Sequence[PandaTask],
    here: Here,
) -> str:
    """Why the attempt cannot be said to have failed; empty where it can.

    Args:
        about: The attempt.
        record: Its number as it is recorded; None where it has none.
        seen: What PanDA has under that number.
        named: What it has under the name.
        here: Which PanDA that is.
    """
    live = next((each for each in named if each.is_live), None)
    if live is not None:
        return (
            f"{here.server} has a live task of the name {about.panda_name}: {live.id} "
            f"({live.status}); adopt it, or abort it there first"
        )
    if about.is_open or record is None or seen is None:
        return ""
    if identity.foreign(record, seen, here) is None:
        return f"{here.server} has {seen.id} as {record.name} ({seen.status}); it is followed"
    return ""
