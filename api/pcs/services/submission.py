"""Statuses and locking, submissions and reruns, operations on live tasks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.pcs.domain import lifecycle
from api.pcs.errors import AlreadySubmitted, BadTransition, NeverSubmitted, NotReady, UnknownStatus
from api.pcs.models import ProdConfig, ProdTask, TaskStatus
from api.pcs.queries.tasks import load, open_request, unresolved_among
from api.pcs.services import attempts, plans, tasks
from api.pcs.services.access import Actor
from blocks.errors import Refused
from flows.common import requests
from flows.submission.actions import OPERATE_TASK, RESOLVE_SUBMISSION, SUBMIT_TASK
from flows.submission.domain import gate
from flows.submission.schemas import SubmitTask

# ------------------------------------------------------------------ statuses


def set_status(session: Session, name: str, wanted: object, actor: Actor) -> ProdTask:
    """Set a task's status, where a user may.

    Raises:
        TaskNotFound: There is none.
        NotOwner: Somebody else made it.
        BadTransition: Its status does not lead there.
        NotReady: It is to be ready, and is not.
        SubmissionOpen: Its submission is on its way.
    """
    task = tasks.owned(session, name, actor)
    current, target = TaskStatus(task.status), _status(wanted)
    if target == current:
        return task
    if not lifecycle.is_allowed(current, target):
        raise BadTransition(_no_way(current, target))
    if target is TaskStatus.READY and (
        reasons := plans.reasons_against(session, task, is_relaxed=actor.is_relaxed)
    ):
        raise NotReady("Cannot lock — task is not ready: " + "; ".join(reasons))
    if target is TaskStatus.DRAFT:
        tasks.require_no_request(session, task)
    task.status = target
    return tasks.saved(session, task)


def _status(wanted: object) -> TaskStatus:
    try:
        return lifecycle.SETTABLE[str(wanted)]
    except KeyError:
        choices = ", ".join(sorted(lifecycle.SETTABLE))
        raise UnknownStatus(f"Invalid status. Choose from: {choices}") from None


def _no_way(current: TaskStatus, target: TaskStatus) -> str:
    allowed = sorted(str(each) for each in lifecycle.following(current))
    text = (
        f"Cannot transition from '{current}' to '{target}'. "
        f"Allowed from '{current}': {allowed or '(terminal)'}"
    )
    if target is TaskStatus.SUBMITTED:
        text += ". A task becomes submitted by a recorded submission only."
    return text


# ------------------------------------------------------------------ submitting


def submit(session: Session, name: str, actor: Actor) -> tuple[ProdTask, list[str]]:
    """Request a task's submission; where a request is open already, nothing more is done.

    Gives the task, and what would stop it under the strict rules.

    Raises:
        TaskNotFound: There is none.
        NotOwner: Somebody else made it.
        AlreadySubmitted: It has an id.
        NotReady: It is not ready.
        Refused: An earlier submission is unresolved.
        ConfigNotOfForm: A value may not stand in a command.
    """
    task = tasks.owned(session, name, actor)
    if task.panda_task_id is not None:
        raise AlreadySubmitted(task.panda_task_id)
    if not gate.may_be_submitted(task.status, is_relaxed=actor.is_relaxed):
        raise NotReady("Only a locked (ready) task can be submitted to PanDA.")
    return _request(session, task, actor)


def rerun(session: Session, name: str, actor: Actor) -> tuple[ProdTask, list[str]]:
    """Request a task's submission once more, under the next name; gives what `submit` does.

    Its id and status stay until the new id is recorded.

    Raises:
        TaskNotFound: There is none.
        NotOwner: Somebody else made it.
        Refused: It was never submitted, or an earlier submission is unresolved.
        NotReady: Something has changed so that it is not ready.
        ConfigNotOfForm: A value may not stand in a command.
    """
    task = tasks.owned(session, name, actor)
    if not gate.may_be_rerun(task.status, task.panda_task_id):
        raise NeverSubmitted("No recorded submission to rerun.")
    return _request(session, task, actor)


def _request(session: Session, task: ProdTask, actor: Actor) -> tuple[ProdTask, list[str]]:
    """Request the task's next attempt where it is ready, unless a request is open."""
    # What is composed now is what the ops side fetches: the configuration is held meanwhile.
    session.scalar(
        select(ProdConfig.id).where(ProdConfig.id == task.prod_config_id).with_for_update(read=True)
    )
    session.refresh(task.prod_config)
    reasons: list[str] = []
    if open_request(session, task.name) is None:
        _require_resolved(session, task)
        reasons = plans.reasons_against(session, task, is_relaxed=False)
        if reasons and not actor.is_relaxed:
            raise NotReady("The task is not ready: " + "; ".join(reasons))
        plans.prun_command(task)
        _accept(session, task, actor)
    return load(session, task.id), reasons


def _require_resolved(session: Session, task: ProdTask) -> None:
    """An earlier submission may have made a task: until that is settled, no other begins."""
    if unresolved_among(session, [task.name]):
        raise Refused(
            f"An earlier submission of task '{task.name}' is unresolved: PanDA has a task whose id "
            "was not recorded. Resolve it first."
        )


def _accept(session: Session, task: ProdTask, actor: Actor) -> None:
    attempt = attempts.allocate(session, task)
    wanted = SubmitTask(
        task_name=task.name,
        panda_tasks_id=attempt.id,
        panda_task_name=attempt.task_name,
        follows=task.panda_task_id,
    )
    accepted = requests.accept(
        session, SUBMIT_TASK, wanted, caller=actor.caller, source=actor.source
    )
    if not accepted.is_new:
        # Another way in opened one meanwhile: nobody will use this attempt's name.
        session.delete(attempt)
        session.flush()


# ------------------------------------------------------------------ operating


@dataclass(frozen=True, kw_only=True)
class QueuedOperation:
    """An operation on a live task that was requested."""

    queued: bool
    operation: str
    jedi_task_id: int
    request_id: int
    is_new: Annotated[bool, Field(description="False: an open request for the same was joined.")]


def operate(session: Session, name: str, wanted: dict[str, Any], actor: Actor) -> QueuedOperation:
    """Request an operation on the task's attempt at PanDA.

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
    task = tasks.owned(session, name, actor)
    jedi_task_id = wanted.get("jedi_task_id") or task.panda_task_id
    if jedi_task_id is None:
        raise NeverSubmitted(f"Task '{task.name}' has no jediTaskID.")
    if not any(attempt.jedi_task_id == jedi_task_id for attempt in task.attempts):
        raise Refused(f"jediTaskID {jedi_task_id} is not of task '{task.name}'.")
    form = OPERATE_TASK.parse(wanted | {"jedi_task_id": jedi_task_id, "task_name": task.name})
    accepted = requests.accept(
        session, OPERATE_TASK, form, caller=actor.caller, source=actor.source
    )
    return QueuedOperation(
        queued=True,
        operation=wanted["operation"],
        jedi_task_id=jedi_task_id,
        request_id=accepted.id,
        is_new=accepted.is_new,
    )


# ------------------------------------------------------------------ settling


@dataclass(frozen=True, kw_only=True)
class QueuedResolution:
    """A decision on a submission that the ops side carries out."""

    queued: bool
    request_id: int


def resolve(session: Session, name: str, wanted: dict[str, Any], actor: Actor) -> QueuedResolution:
    """Request that a submission is settled by the actor's word.

    Args:
        session: The caller's transaction.
        name: The task.
        wanted: `adopt` or `failed`, and `reason`.
        actor: Who decides.

    Raises:
        TaskNotFound: There is none.
        Forbidden: The actor may not operate.
        Invalid: A value is not of its form.
    """
    task = tasks.owned(session, name, actor)
    form = RESOLVE_SUBMISSION.parse(wanted | {"task_name": task.name})
    accepted = requests.accept(
        session, RESOLVE_SUBMISSION, form, caller=actor.caller, source=actor.source
    )
    return QueuedResolution(queued=True, request_id=accepted.id)


# ------------------------------------------------------------------ artifacts


def generate_commands(session: Session, name: str, actor: Actor) -> ProdTask:
    """Compose the task's commands and store them.

    Raises:
        TaskNotFound: There is none.
        NotOwner: Somebody else made it.
        BadTransition: It is of the past.
        ConfigNotOfForm: A value may not stand in a command.
    """
    task = tasks.owned(session, name, actor)
    if task.status == TaskStatus.PAST_OUTPUT:
        raise BadTransition(f"Task '{task.name}' is of the past.")
    task.panda_command = plans.prun_command(task)
    return tasks.saved(session, task)
