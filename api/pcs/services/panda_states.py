"""What PanDA says of attempts: their states, and tasks of ours that only PanDA knew."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.pcs.domain import lifecycle, names
from api.pcs.models import Association, Attempt, Dataset, ProdTask, TaskStatus
from api.pcs.services import attempt_rows, task_writes, tasks
from api.pcs.services.access import Actor
from api.pcs.services.errors import AmbiguousIdentity, AttemptNotFound, TaskNotFound
from flows.common.database import now

_OBSERVED_AT: Final = "status_observed_at"


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
    attempt = attempt_rows.by_jedi_id(task, seen.jedi_task_id)
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
            return task_writes.saved(session, task)
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
        Refused: The attempt has another id, or another attempt has this one.
    """
    name = names.panda_name(found.panda_task_name)
    task = _named(session, name)
    actor.require_recorder(task.created_by)
    attempt_rows.refuse_past(task)
    attempt = next((each for each in task.attempts if each.task_name == name), None)
    if attempt is None:
        attempt = attempt_rows.insert_named(session, task, name)
    if attempt.jedi_task_id != found.jedi_task_id:
        attempt_rows.set_jedi_id(session, attempt, found.jedi_task_id)
        attempt.association_source = Association.DYNAMIC_TASKNAME_MATCH
        attempt.match_reason = f"PanDA's task {found.jedi_task_id} is named {name}"
    task = attempt_rows.point(session, tasks.load(session, task.id), attempt)
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
