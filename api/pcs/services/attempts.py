"""Attempts: named once and for good, and what became of each at PanDA."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from api.pcs.domain import lifecycle, names
from api.pcs.models import Association, Attempt, Dataset, ProdTask, TaskStatus
from api.pcs.services import plans, tasks
from api.pcs.services.access import Actor
from api.pcs.services.errors import (
    AlreadySubmitted,
    AmbiguousIdentity,
    AttemptNotFound,
    BadFields,
    BadTransition,
    Conflict,
    TaskNotFound,
)
from flows.common.database import now

SUBMIT_FAILED: Final = "submit_failed"
_OBSERVED_AT: Final = "status_observed_at"
_SUBMITTABLE: Final = frozenset(
    {TaskStatus.READY, TaskStatus.SUBMITTED, TaskStatus.COMPLETED, TaskStatus.FAILED}
)

# ------------------------------------------------------------------ allocating


def allocate(session: Session, task: ProdTask, source: Association) -> Attempt:
    """Make the task's next attempt, under a name that no other ever had.

    Raises:
        Conflict: An attempt of another task has that name.
    """
    number = plans.next_try(task)
    return _insert(session, task, number, _attempt_name(task, number), source)


def _insert(
    session: Session, task: ProdTask, number: int, name: str, source: Association
) -> Attempt:
    made = Attempt(
        prod_task_id=task.id,
        try_number=number,
        task_name=name,
        out_ds=name,
        log_ds=names.log_dataset(name),
        site=plans.config_of(task).text("panda_site"),
        association_source=source,
    )
    try:
        with session.begin_nested():
            session.add(made)
    except IntegrityError:
        raise Conflict(f"The name {name} is that of another attempt; PanDA knows it.") from None
    return made


def _attempt_name(task: ProdTask, number: int) -> str:
    return names.attempt_name(task.dataset.composed_name, number)


# ------------------------------------------------------------------ recording a submission


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
        Conflict: The attempt has another id, or another task's attempt has this one.
    """
    task = tasks.resolve(session, name, attempt_id=told.panda_tasks_id, is_locked=True)
    actor.require_recorder(task.created_by)
    _refuse_past(task)
    attempt = _told_attempt(task, told)
    if attempt is None and _has_id(task, told.jedi_task_id):
        return task
    if attempt is None:
        _require_first(task, actor)
        attempt = _told_row(session, task, told)
    elif attempt.jedi_task_id == told.jedi_task_id:
        return _pointed(session, task, attempt, told)
    elif told.panda_tasks_id is not None:
        _require_submittable(task, actor)
    elif told.replaces is None:
        _require_first(task, actor)
    _require_same_name(attempt, told.panda_task_name)
    _set_id(session, attempt, told)
    return _pointed(session, task, attempt, told)


def _refuse_past(task: ProdTask) -> None:
    if task.status == TaskStatus.PAST_OUTPUT:
        raise BadTransition(f"Task '{task.name}' is of the past; nothing is submitted of it.")


def _told_attempt(task: ProdTask, told: Submission) -> Attempt | None:
    """The attempt that was told of: by its key, its name, or the id that is replaced."""
    if told.panda_tasks_id is not None:
        return plans.attempt(task, told.panda_tasks_id)
    if told.replaces is not None:
        return _by_id(task, told.replaces) or _by_id(task, told.jedi_task_id)
    named = names.panda_name(told.panda_task_name or task.dataset.composed_name)
    return next((each for each in task.attempts if each.task_name == named), None)


def _told_row(session: Session, task: ProdTask, told: Submission) -> Attempt:
    named = names.panda_name(told.panda_task_name or task.dataset.composed_name)
    physical = names.parse_physical(named)
    if physical.logical != task.dataset.composed_name:
        raise BadFields({"panda_task_name": [f"is no name of task '{task.name}': {named[:300]}"]})
    number = physical.try_number
    if any(each.try_number == number for each in task.attempts):
        raise Conflict(f"Attempt {number} of task '{task.name}' has another name.")
    return _insert(session, task, number, named, Association.RECORD_SUBMISSION)


def _has_id(task: ProdTask, jedi_task_id: int) -> bool:
    return _by_id(task, jedi_task_id) is not None


def _by_id(task: ProdTask, jedi_task_id: int) -> Attempt | None:
    return next((each for each in task.attempts if each.jedi_task_id == jedi_task_id), None)


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
        raise Conflict(f"Attempt {attempt.id} is named {attempt.task_name}, not {told[:300]}.")


def _set_id(session: Session, attempt: Attempt, told: Submission) -> None:
    former = attempt.jedi_task_id
    if former is not None and told.replaces != former:
        raise Conflict(f"Attempt {attempt.task_name} is recorded as jediTaskID {former}.")
    taken = select(Attempt.task_name).where(
        Attempt.jedi_task_id == told.jedi_task_id, Attempt.id != attempt.id
    )
    if (other := session.scalar(taken)) is not None:
        raise Conflict(f"jediTaskID {told.jedi_task_id} is that of attempt {other}.")
    if former is not None:
        replaced = [*attempt.meta.get("replaced_jedi_task_ids", []), former]
        attempt.meta = attempt.meta | {"replaced_jedi_task_ids": replaced}
    try:
        with session.begin_nested():
            attempt.jedi_task_id = told.jedi_task_id
            attempt.updated_at = now()
            if attempt.status_snapshot in {"", SUBMIT_FAILED}:
                attempt.status_snapshot = TaskStatus.SUBMITTED
    except IntegrityError:
        raise Conflict(f"jediTaskID {told.jedi_task_id} is that of another attempt.") from None


def _pointed(session: Session, task: ProdTask, attempt: Attempt, told: Submission) -> ProdTask:
    """Point the task to its attempt, unless a later one already stands for it."""
    pointed = _by_id(task, task.panda_task_id) if task.panda_task_id is not None else None
    is_news = task.panda_task_id != told.jedi_task_id
    is_later = pointed is None or pointed.try_number <= attempt.try_number
    if is_news and is_later:
        task.panda_task_id = told.jedi_task_id
        task.status = TaskStatus.SUBMITTED
        return tasks.saved(session, task)
    return tasks.load(session, task.id)


def record_failure(
    session: Session, name: str, attempt_id: int, reason: str, actor: Actor
) -> ProdTask:
    """Record that an attempt did not reach PanDA, and why; the task stays as it is.

    Raises:
        TaskNotFound: There is no such task.
        AttemptNotFound: The task has no such attempt.
        NotOwner: Neither the owner nor a service of ours tells it.
        Conflict: The attempt has an id.
    """
    task = tasks.resolve(session, name, attempt_id=attempt_id, is_locked=True)
    actor.require_recorder(task.created_by)
    attempt = plans.attempt(task, attempt_id)
    if attempt.jedi_task_id is not None:
        raise Conflict(f"Attempt {attempt.task_name} is at PanDA: {attempt.jedi_task_id}.")
    attempt.status_snapshot = SUBMIT_FAILED
    attempt.meta = attempt.meta | {"submit_failure": reason}
    attempt.updated_at = now()
    return tasks.saved(session, task)


# ------------------------------------------------------------------ following PanDA


@dataclass(frozen=True, kw_only=True)
class Observation:
    """A state that a task was seen in at PanDA."""

    jedi_task_id: int
    panda_status: str
    observed_at: datetime | None = None


def record_status(session: Session, name: str, seen: Observation, actor: Actor) -> ProdTask:
    """Record an attempt's state at PanDA, and what it means for the task.

    What was seen earlier than what is recorded changes nothing.

    Raises:
        TaskNotFound: There is no such task.
        AttemptNotFound: No attempt of it has the id.
        NotOwner: Neither the owner nor a service of ours tells it.
    """
    task = _of_id(session, name, seen.jedi_task_id)
    actor.require_recorder(task.created_by)
    attempt = _by_id(task, seen.jedi_task_id)
    if attempt is None:
        raise AttemptNotFound(f"Task '{task.name}' has no jediTaskID {seen.jedi_task_id}")
    moment = seen.observed_at or now()
    former = attempt.meta.get(_OBSERVED_AT)
    if former is not None and moment < datetime.fromisoformat(former):
        return task
    attempt.meta = attempt.meta | {_OBSERVED_AT: moment.isoformat()}
    if attempt.status_snapshot != seen.panda_status:
        attempt.status_snapshot = seen.panda_status
        attempt.updated_at = now()
    if task.panda_task_id == seen.jedi_task_id:
        following = lifecycle.status_after(TaskStatus(task.status), seen.panda_status)
        if following != task.status:
            task.status = following
            return tasks.saved(session, task)
    session.flush()
    return tasks.load(session, task.id)


def _of_id(session: Session, name: str, jedi_task_id: int) -> ProdTask:
    """The task of that name; where several bear it, the one that has the id."""
    row = session.scalar(select(Attempt.id).where(Attempt.jedi_task_id == jedi_task_id))
    return tasks.resolve(session, name, attempt_id=row, is_locked=True)


@dataclass(frozen=True, kw_only=True)
class Found:
    """A task that PanDA knows under a name of ours."""

    panda_task_name: str
    jedi_task_id: int
    panda_status: str


def associate(session: Session, found: Found, actor: Actor) -> ProdTask:
    """Record a task that PanDA knows and we do not, by its exact name.

    Raises:
        TaskNotFound: No attempt and no task has that name.
        NotOwner: Neither the owner nor a service of ours tells it.
        AmbiguousIdentity: Several tasks have it.
        Conflict: The attempt has another id, or another attempt has this one.
    """
    name = names.panda_name(found.panda_task_name)
    task = _named(session, name)
    actor.require_recorder(task.created_by)
    _refuse_past(task)
    attempt = next((each for each in task.attempts if each.task_name == name), None)
    told = Submission(jedi_task_id=found.jedi_task_id, panda_task_name=name)
    if attempt is None:
        attempt = _told_row(session, task, told)
    if attempt.jedi_task_id != found.jedi_task_id:
        _set_id(session, attempt, told)
        attempt.association_source = Association.DYNAMIC_TASKNAME_MATCH
        attempt.match_reason = f"PanDA's task {found.jedi_task_id} is named {name}"
    task = _pointed(session, tasks.load(session, task.id), attempt, told)
    seen = Observation(jedi_task_id=found.jedi_task_id, panda_status=found.panda_status)
    return record_status(session, str(task.id), seen, actor)


def _named(session: Session, name: str) -> ProdTask:
    by_attempt = select(Attempt.prod_task_id).where(Attempt.task_name == name)
    key = session.scalar(by_attempt)
    if key is not None:
        return tasks.load(session, key, is_locked=True)
    bearers = list(
        session.scalars(
            select(ProdTask).join(ProdTask.dataset).where(Dataset.composed_name == name)
        )
    )
    if len(bearers) > 1:
        candidates = [{"id": each.id, "name": each.name} for each in bearers]
        raise AmbiguousIdentity(name, candidates)
    if not bearers:
        raise TaskNotFound(name)
    return tasks.load(session, bearers[0].id, is_locked=True)
