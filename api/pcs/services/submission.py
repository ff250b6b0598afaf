"""The way to PanDA: statuses, locking, submitting, running again, operating on a live task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.pcs.domain import lifecycle
from api.pcs.models import Association, ProdConfig, ProdTask, TaskStatus
from api.pcs.services import attempt_rows, open_requests, plans, task_writes, tasks
from api.pcs.services.access import Actor
from api.pcs.services.errors import AlreadySubmitted, BadTransition, NotReady
from blocks.errors import Invalid, Refused
from flows.common import actions, requests
from flows.submission.actions import OperateTask, SubmitTask

_ONLY_READY = "Only a locked (ready) task can be submitted to PanDA."
_OVER = frozenset({TaskStatus.SUBMITTED, TaskStatus.COMPLETED, TaskStatus.FAILED})

# ------------------------------------------------------------------ statuses


def set_status(session: Session, name: str, wanted: str, actor: Actor) -> ProdTask:
    """Set a task's status, where a hand may.

    Raises:
        TaskNotFound: There is none.
        NotOwner: Somebody else made it.
        BadTransition: Its status does not lead there.
        NotReady: It is to be ready, and is not.
        SubmissionOpen: Its submission is on its way.
    """
    task = tasks.resolve(session, name, is_locked=True)
    actor.require_owner(task.created_by)
    current, target = TaskStatus(task.status), _status(wanted)
    if target == current:
        return task
    if not lifecycle.is_allowed(current, target):
        raise BadTransition(_no_way(current, target))
    if target is TaskStatus.READY:
        _require_ready(session, task, actor, "Cannot lock — task is not ready: ")
    if target is TaskStatus.DRAFT:
        task_writes.require_no_request(session, task)
    task.status = target
    return task_writes.saved(session, task)


def lock(session: Session, name: str, actor: Actor) -> ProdTask:
    """Make a draft task ready.

    Raises:
        As for `set_status`.
    """
    return set_status(session, name, TaskStatus.READY, actor)


def _status(wanted: str) -> TaskStatus:
    try:
        return TaskStatus(wanted)
    except ValueError:
        raise Invalid({"status": [f'"{wanted[:50]}" is not a valid choice.']}) from None


def _no_way(current: TaskStatus, target: TaskStatus) -> str:
    if target is TaskStatus.SUBMITTED:
        return "A task becomes submitted by a recorded submission only."
    return f"A task that is {current} cannot become {target}."


def _require_ready(session: Session, task: ProdTask, actor: Actor, text: str) -> None:
    if reasons := plans.reasons_against(session, task, is_relaxed=actor.is_relaxed):
        raise NotReady(text + "; ".join(reasons))


# ------------------------------------------------------------------ submitting


@dataclass(frozen=True)
class Submitted:
    """A task whose submission is asked for, and what would stop it under the strict rules."""

    task: ProdTask
    warnings: tuple[str, ...] = ()


def submit(session: Session, name: str, actor: Actor) -> Submitted:
    """Ask the ops side to submit a task; where that is asked already, nothing more is done.

    Raises:
        TaskNotFound: There is none.
        NotOwner: Somebody else made it.
        AlreadySubmitted: It has an id.
        NotReady: It is not ready.
        ConfigNotOfForm: A value may not stand in a command.
    """
    task = tasks.resolve(session, name, is_locked=True)
    actor.require_owner(task.created_by)
    if task.panda_task_id is not None:
        raise AlreadySubmitted(task.panda_task_id)
    may = {TaskStatus.READY, TaskStatus.DRAFT} if actor.is_relaxed else {TaskStatus.READY}
    if task.status not in may:
        raise NotReady(_ONLY_READY)
    warnings = _gate(session, task, actor)
    _request(session, task, actor)
    return Submitted(tasks.load(session, task.id), tuple(warnings))


def rerun(session: Session, name: str, actor: Actor) -> Submitted:
    """Ask the ops side to submit a task once more, under the next name.

    Its id and status stay until the new id is recorded.

    Raises:
        TaskNotFound: There is none.
        NotOwner: Somebody else made it.
        Refused: It was never submitted.
        NotReady: Something has changed so that it is not ready.
        ConfigNotOfForm: A value may not stand in a command.
    """
    task = tasks.resolve(session, name, is_locked=True)
    actor.require_owner(task.created_by)
    if task.panda_task_id is None or task.status not in _OVER:
        raise Refused("No recorded submission to rerun.")
    warnings = _gate(session, task, actor)
    _request(session, task, actor)
    return Submitted(tasks.load(session, task.id), tuple(warnings))


def _gate(session: Session, task: ProdTask, actor: Actor) -> list[str]:
    # What is composed now is what the ops side fetches: the configuration is held meanwhile.
    session.scalar(
        select(ProdConfig.id).where(ProdConfig.id == task.prod_config_id).with_for_update(read=True)
    )
    session.refresh(task.prod_config)
    if open_requests.of_task(session, task.name) is not None:
        return []
    reasons = plans.reasons_against(session, task, is_relaxed=False)
    if reasons and not actor.is_relaxed:
        raise NotReady("The task is not ready: " + "; ".join(reasons))
    plans.prun_command(task)
    return reasons


def _request(session: Session, task: ProdTask, actor: Actor) -> None:
    """Allocate the next attempt and ask for it, unless one is asked for already."""
    if open_requests.of_task(session, task.name) is not None:
        return
    attempt = attempt_rows.allocate(session, task, Association.PCS_SUBMIT_REQUEST)
    wanted = SubmitTask(
        task_name=task.name,
        owner=task.created_by,
        panda_tasks_id=attempt.id,
        panda_task_name=attempt.task_name,
        follows=task.panda_task_id,
    )
    action = actions.get(open_requests.ACTION)
    accepted = requests.accept(session, action, wanted, requested_by=actor.name, source="rest")
    if not accepted.is_new:
        # Another way in opened one meanwhile: nobody will use this attempt's name.
        session.delete(attempt)
        session.flush()


# ------------------------------------------------------------------ operating


@dataclass(frozen=True)
class Queued:
    """An operation on a live task that was asked for."""

    operation: str
    jedi_task_id: int
    request_id: int


def operate(session: Session, name: str, wanted: dict[str, Any], actor: Actor) -> Queued:
    """Ask the ops side for an operation on the task's attempt at PanDA.

    Args:
        session: The caller's transaction.
        name: The task.
        wanted: `operation`, and what it takes: `jedi_task_id`, `increase`, `new_parameters`,
            `reason`.
        actor: Who asks.

    Raises:
        TaskNotFound: There is none.
        NotOwner: Somebody else made it.
        Refused: It has no id, or the id is not of one of its attempts.
        Invalid: A value is not of its form.
    """
    task = tasks.resolve(session, name, is_locked=True)
    actor.require_owner(task.created_by)
    jedi_task_id = wanted.get("jedi_task_id") or task.panda_task_id
    if jedi_task_id is None:
        raise Refused(f"Task '{task.name}' has no jediTaskID.")
    if not any(attempt.jedi_task_id == jedi_task_id for attempt in task.attempts):
        raise Refused(f"jediTaskID {jedi_task_id} is not of task '{task.name}'.")
    action = actions.get("panda_task_operation")
    parameters = wanted | {
        "jedi_task_id": jedi_task_id,
        "task_name": task.name,
        "created_by": actor.name,
    }
    form = action.parse(parameters)
    assert isinstance(form, OperateTask)  # noqa: S101 - the action's own form
    accepted = requests.accept(session, action, form, requested_by=actor.name, source="rest")
    return Queued(form.operation, jedi_task_id, accepted.id)


# ------------------------------------------------------------------ artifacts


def generate_commands(session: Session, name: str, actor: Actor) -> ProdTask:
    """Compose the task's commands and keep them.

    Raises:
        TaskNotFound: There is none.
        NotOwner: Somebody else made it.
        BadTransition: It is of the past.
        ConfigNotOfForm: A value may not stand in a command.
    """
    task = tasks.resolve(session, name, is_locked=True)
    actor.require_owner(task.created_by)
    if task.status == TaskStatus.PAST_OUTPUT:
        raise BadTransition(f"Task '{task.name}' is of the past.")
    task.panda_command = plans.prun_command(task)
    return task_writes.saved(session, task)
