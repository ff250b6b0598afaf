"""What became of submissions: an id at PanDA, or the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy.orm import Session

from api.pcs.domain import names
from api.pcs.models import Attempt, ProdTask, TaskStatus
from api.pcs.services import attempt_rows, plans, task_writes, tasks
from api.pcs.services.access import Actor
from api.pcs.services.errors import AlreadySubmitted, BadTransition
from blocks.errors import Refused
from flows.common.database import now

SUBMIT_FAILED: Final = attempt_rows.SUBMIT_FAILED
SUPERSEDED: Final = "superseded"
"""Key in an attempt's metadata: another attempt served the same wish, and this one was not sent."""
"""`status_snapshot` of an attempt that did not reach PanDA."""

_SUBMITTABLE: Final = frozenset(
    {TaskStatus.READY, TaskStatus.SUBMITTED, TaskStatus.COMPLETED, TaskStatus.FAILED}
)


@dataclass(frozen=True, kw_only=True)
class Submission:
    """What was submitted, as whoever did it tells."""

    jedi_task_id: int
    panda_tasks_id: int | None = None
    panda_task_name: str | None = None
    replaces: int | None = None


def record_submission(session: Session, name: str, told: Submission, actor: Actor) -> ProdTask:
    """Record the id that PanDA gave an attempt; the same again changes nothing.

    Raises:
        TaskNotFound: There is no such task.
        AttemptNotFound: The task has no such attempt.
        NotOwner: Neither the owner nor a service of ours tells it.
        BadTransition: The task is not ready.
        Refused: The attempt has another id, or another task's attempt has this one.
    """
    task = tasks.resolve(session, name, attempt_id=told.panda_tasks_id, is_locked=True)
    actor.require_recorder(task.created_by)
    attempt_rows.refuse_past(task)
    attempt = _told_attempt(task, told)
    if attempt is None and _has_id(task, told.jedi_task_id):
        return task
    if attempt is None:
        _require_first(task, actor)
        attempt = attempt_rows.insert_named(session, task, _told_name(task, told))
    elif attempt.jedi_task_id == told.jedi_task_id:
        return attempt_rows.point(session, task, attempt)
    elif told.panda_tasks_id is not None:
        _require_submittable(task, actor)
    elif told.replaces is None:
        _require_first(task, actor)
    _require_same_name(attempt, told.panda_task_name)
    attempt_rows.set_jedi_id(session, attempt, told.jedi_task_id, replaces=told.replaces)
    return attempt_rows.point(session, task, attempt)


def _told_attempt(task: ProdTask, told: Submission) -> Attempt | None:
    """The attempt that was told of: by its key, its name, or the id that is replaced."""
    if told.panda_tasks_id is not None:
        return plans.attempt(task, told.panda_tasks_id)
    if told.replaces is not None:
        return attempt_rows.by_jedi_id(task, told.replaces) or attempt_rows.by_jedi_id(
            task, told.jedi_task_id
        )
    named = _told_name(task, told)
    return next((each for each in task.attempts if each.task_name == named), None)


def _told_name(task: ProdTask, told: Submission) -> str:
    return names.panda_name(told.panda_task_name or task.dataset.composed_name)


def _has_id(task: ProdTask, jedi_task_id: int) -> bool:
    return attempt_rows.by_jedi_id(task, jedi_task_id) is not None


def _require_first(task: ProdTask, actor: Actor) -> None:
    if task.panda_task_id is not None:
        raise AlreadySubmitted(task.panda_task_id)
    if task.status != TaskStatus.READY and not _is_relaxed_draft(task, actor):
        raise BadTransition(
            f"Only a ready task takes a submission; '{task.name}' is {task.status}."
        )


def _require_submittable(task: ProdTask, actor: Actor) -> None:
    if task.status not in _SUBMITTABLE and not _is_relaxed_draft(task, actor):
        raise BadTransition(
            f"Only a locked task takes a submission; '{task.name}' is {task.status}."
        )


def _is_relaxed_draft(task: ProdTask, actor: Actor) -> bool:
    return actor.is_relaxed and task.status == TaskStatus.DRAFT


def _require_same_name(attempt: Attempt, told: str | None) -> None:
    if told is not None and names.panda_name(told) != attempt.task_name:
        raise Refused(f"Attempt {attempt.id} is named {attempt.task_name}, not {told[:300]}.")


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why an attempt did not reach PanDA; `is_superseded`: another served the same wish."""

    panda_tasks_id: int
    reason: str = ""
    is_superseded: bool = False


def record_failure(session: Session, name: str, told: Failure, actor: Actor) -> ProdTask:
    """Record that an attempt did not reach PanDA, and why; the task stays as it is.

    Raises:
        TaskNotFound: There is no such task.
        AttemptNotFound: The task has no such attempt.
        NotOwner: Neither the owner nor a service of ours tells it.
        Refused: The attempt has an id.
    """
    task = tasks.resolve(session, name, attempt_id=told.panda_tasks_id, is_locked=True)
    actor.require_recorder(task.created_by)
    attempt = plans.attempt(task, told.panda_tasks_id)
    if attempt.jedi_task_id is not None:
        raise Refused(f"Attempt {attempt.task_name} is at PanDA: {attempt.jedi_task_id}.")
    attempt.status_snapshot = SUBMIT_FAILED
    attempt.meta = attempt.meta | {"submit_failure": told.reason}
    if told.is_superseded:
        attempt.meta = attempt.meta | {SUPERSEDED: True}
    attempt.updated_at = now()
    return task_writes.saved(session, task)
