"""What became of submissions: ids and states at PanDA, failures, tasks that only PanDA knew."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.pcs.domain import lifecycle, names
from api.pcs.errors import (
    AmbiguousIdentity,
    AttemptNotFound,
    BadTransition,
    TaskNotFound,
)
from api.pcs.models import (
    Association,
    Attempt,
    Dataset,
    ProdTask,
    TaskStatus,
)
from api.pcs.queries.tasks import load, resolve
from api.pcs.schemas.tasks import (
    AssociationForm,
    FailureForm,
    ObservationForm,
    SubmissionForm,
)
from api.pcs.services import attempts, plans, tasks
from api.pcs.services.access import Actor
from blocks.errors import Refused
from flows.common.database import now
from flows.submission.domain.inputs import INPUTS, INPUTS_FAILED

_OBSERVED_AT: Final = "status_observed_at"
_LOCKED: Final = frozenset(
    {TaskStatus.READY, TaskStatus.SUBMITTED, TaskStatus.COMPLETED, TaskStatus.FAILED}
)

# ------------------------------------------------------------------ ids


def record_submission(session: Session, name: str, sent: SubmissionForm, actor: Actor) -> ProdTask:
    """Record the id that PanDA gave an attempt; the same again changes nothing.

    Raises:
        TaskNotFound: There is no such task.
        AttemptNotFound: The task has no such attempt.
        NotOwner: Neither the owner nor a service of ours sends it.
        BadTransition: The task is not ready.
        Refused: The attempt has another id, or another task's attempt has this one.
    """
    task = resolve(session, name, attempt_id=sent.panda_tasks_id, is_locked=True)
    actor.require_recorder(task.created_by)
    attempts.require_submittable(task)
    attempt = _attempt_of(task, sent)
    if attempt is None and attempts.by_jedi_id(task, sent.jedi_task_id) is not None:
        return task
    if attempt is None:
        _require_first(task, sent, actor)
        attempt = attempts.insert_named(session, task, _name_of(task, sent))
    elif attempt.jedi_task_id == sent.jedi_task_id:
        return attempts.point(session, task, attempt)
    elif sent.panda_tasks_id is not None:
        _require_status(task, actor, _LOCKED, "locked")
    elif sent.replaces is None:
        _require_first(task, sent, actor)
    _require_same_name(attempt, sent.panda_task_name or sent.task_name)
    attempts.set_jedi_id(session, attempt, sent.jedi_task_id, replaces=sent.replaces)
    if sent.remark:
        attempt.match_reason = sent.remark
    return attempts.point(session, task, attempt)


def _attempt_of(task: ProdTask, sent: SubmissionForm) -> Attempt | None:
    """The attempt that was sent: by its key, its name, or the id that is replaced."""
    if sent.panda_tasks_id is not None:
        return plans.attempt(task, sent.panda_tasks_id)
    if sent.replaces is not None:
        return attempts.by_jedi_id(task, sent.replaces) or attempts.by_jedi_id(
            task, sent.jedi_task_id
        )
    return attempts.named(task, _name_of(task, sent))


def _name_of(task: ProdTask, sent: SubmissionForm) -> str:
    return names.panda_name(sent.panda_task_name or sent.task_name or task.dataset.composed_name)


def _require_first(task: ProdTask, sent: SubmissionForm, actor: Actor) -> None:
    if task.panda_task_id is not None:
        raise Refused(
            f"Task already records panda_task_id={task.panda_task_id}, "
            f"cannot overwrite with {sent.jedi_task_id}."
        )
    _require_status(task, actor, {TaskStatus.READY}, "ready")


def _require_status(
    task: ProdTask, actor: Actor, statuses: Collection[TaskStatus], word: str
) -> None:
    is_relaxed_draft = actor.is_relaxed and task.status == TaskStatus.DRAFT
    if task.status not in statuses and not is_relaxed_draft:
        raise BadTransition(
            f"Only a {word} task takes a submission; '{task.name}' is {task.status}."
        )


def _require_same_name(attempt: Attempt, name: str | None) -> None:
    if name and names.panda_name(name) != attempt.task_name:
        raise Refused(f"Attempt {attempt.id} is named {attempt.task_name}, not {name[:300]}.")


def record_failure(session: Session, name: str, sent: FailureForm, actor: Actor) -> ProdTask:
    """Record that an attempt did not reach PanDA, and why; the task stays as it is.

    Raises:
        TaskNotFound: There is no such task.
        AttemptNotFound: The task has no such attempt.
        NotOwner: Neither the owner nor a service of ours sends it.
        Refused: The attempt has an id, and not the one that is given up.
    """
    task = resolve(session, name, attempt_id=sent.panda_tasks_id, is_locked=True)
    actor.require_recorder(task.created_by)
    attempt = plans.attempt(task, sent.panda_tasks_id)
    if attempt.jedi_task_id is not None and attempt.jedi_task_id == sent.gives_up:
        attempts.give_up_id(task, attempt)
    if attempt.jedi_task_id is not None:
        raise Refused(f"Attempt {attempt.task_name} is at PanDA: {attempt.jedi_task_id}.")
    attempt.status_snapshot = attempts.SUBMIT_FAILED
    attempt.meta = attempt.meta | {"submit_failure": sent.reason}
    if sent.is_superseded:
        attempt.meta = attempt.meta | {attempts.SUPERSEDED: True}
    attempt.updated_at = now()
    return tasks.saved(session, task)


# ------------------------------------------------------------------ states


def record_status(session: Session, name: str, seen: ObservationForm, actor: Actor) -> ProdTask:
    """Record an attempt's state at PanDA, and what it means for the task.

    What was seen earlier than what is recorded changes nothing.

    Raises:
        TaskNotFound: There is no such task.
        AttemptNotFound: No attempt of it has the id.
        NotOwner: Neither the owner nor a service of ours sends it.
    """
    row = session.scalar(select(Attempt.id).where(Attempt.jedi_task_id == seen.jedi_task_id))
    task = resolve(session, name, attempt_id=row, is_locked=True)
    actor.require_recorder(task.created_by)
    attempt = attempts.by_jedi_id(task, seen.jedi_task_id)
    if attempt is None:
        raise AttemptNotFound(f"Task '{task.name}' has no jediTaskID {seen.jedi_task_id}")
    moment = seen.observed_at or now()
    former = attempt.meta.get(_OBSERVED_AT)
    if former is not None and moment < datetime.fromisoformat(former):
        return task
    attempt.meta = attempt.meta | {_OBSERVED_AT: moment.isoformat()} | _counts(seen)
    if attempt.status_snapshot != seen.panda_status:
        attempt.status_snapshot = seen.panda_status
        attempt.updated_at = now()
    if task.panda_task_id == seen.jedi_task_id:
        following = lifecycle.status_after(TaskStatus(task.status), seen.panda_status)
        if following != task.status:
            task.status = following
            return tasks.saved(session, task)
    session.flush()
    return load(session, task.id)


def _counts(seen: ObservationForm) -> dict[str, int]:
    """How many inputs there are and failed for good, as far as PanDA says it."""
    counts = seen.model_dump(include={INPUTS, INPUTS_FAILED}, exclude_none=True)
    return {name: int(count) for name, count in counts.items()}


def associate(session: Session, found: AssociationForm, actor: Actor) -> ProdTask:
    """Record a task that PanDA knows and we do not, by its exact name.

    Raises:
        TaskNotFound: No attempt and no task has that name.
        NotOwner: Neither the owner nor a service of ours sends it.
        AmbiguousIdentity: Several tasks have it.
        Refused: The attempt has another id, or another attempt has this one.
    """
    name = names.panda_name(found.panda_task_name)
    task = _named(session, name)
    actor.require_recorder(task.created_by)
    attempts.require_submittable(task)
    attempt = attempts.named(task, name) or attempts.insert_named(session, task, name)
    if attempt.jedi_task_id != found.jedi_task_id:
        attempts.set_jedi_id(session, attempt, found.jedi_task_id)
        attempt.association_source = Association.DYNAMIC_TASKNAME_MATCH
        attempt.match_reason = f"PanDA's task {found.jedi_task_id} is named {name}"
        if found.remark:
            attempt.match_reason += f": {found.remark}"
    task = attempts.point(session, load(session, task.id), attempt)
    seen = ObservationForm(jedi_task_id=found.jedi_task_id, panda_status=found.panda_status)
    return record_status(session, str(task.id), seen, actor)


def _named(session: Session, name: str) -> ProdTask:
    key = session.scalar(select(Attempt.prod_task_id).where(Attempt.task_name == name))
    if key is not None:
        return load(session, key, is_locked=True)
    by_name = select(ProdTask).join(ProdTask.dataset).where(Dataset.composed_name == name)
    found = session.scalars(by_name).all()
    if not found:
        raise TaskNotFound(name)
    if len(found) > 1:
        candidates = [{"id": each.id, "name": each.name} for each in found]
        raise AmbiguousIdentity(name, candidates)
    return load(session, found[0].id, is_locked=True)
