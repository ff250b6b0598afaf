"""What may be requested of submission."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy.orm import Session

from flows.common.actions import Action, Nothing, OnLost
from flows.common.events import NewEvent
from flows.common.models import Request, RequestState
from flows.common.settings import settings
from flows.submission import messages, repository


def _one_line(name: str) -> str:
    if not name.isprintable():
        raise ValueError("must be one line without control characters")
    return name


TaskName = Annotated[
    str, StringConstraints(min_length=1, max_length=300), AfterValidator(_one_line)
]
Person = Annotated[str, StringConstraints(max_length=150)]
_MAX_ID = 2**63 - 1


class SubmitTask(BaseModel):
    """Which production task to submit, and as which of its attempts."""

    model_config = ConfigDict(extra="forbid")

    task_name: TaskName = Field(description="Stored name of the production task at PCS.")
    owner: Person = Field("", description="Owner of the task, in whose name it is recorded.")
    panda_tasks_id: int | None = Field(
        None, ge=1, le=_MAX_ID, description="PCS's attempt (.tryN) that is to be submitted."
    )
    panda_task_name: str | None = Field(
        None, max_length=300, description="Name that the attempt is to have at PanDA."
    )
    follows: int | None = Field(
        None,
        ge=1,
        le=_MAX_ID,
        description="jediTaskID that the task had when this was asked for; none: it had none.",
    )


class TaskOperation(StrEnum):
    """What may be done to a live task."""

    INCREASE_ATTEMPTS = "increase_attempts"
    RETRY_FAILURES = "retry_failures"
    PAUSE = "pause"
    RESUME = "resume"


class OperateTask(BaseModel):
    """What to do to a live task."""

    model_config = ConfigDict(extra="forbid")

    operation: TaskOperation
    jedi_task_id: int = Field(ge=1, le=_MAX_ID, description="The task at PanDA.")
    task_name: str = Field("", max_length=300, description="The production task at PCS.")
    increase: int = Field(1, ge=1, le=100, description="Attempts to add (increase_attempts).")
    new_parameters: dict[str, Any] = Field(
        default_factory=dict, description="Parameters to change (retry_failures)."
    )
    reason: str = Field("", max_length=1000, description="Why.")
    created_by: Person = Field("", description="Who asked.")


def _submission_ended(session: Session, request: Request) -> Sequence[NewEvent]:
    """The flow announces its own ends; here are those of runs that were lost or never begun.

    A run that was lost before anything was sent left nothing unknown, and the next begins anew.
    """
    if request.state == RequestState.UNKNOWN:
        return (messages.lost(request),) if repository.may_be_sent(session, request.id) else ()
    if request.state == RequestState.CANCELLED:
        return (messages.cancelled(request),)
    return ()


SUBMIT_TASK = Action(
    name="submit_task",
    summary="Submit a production task to PanDA with prun, exactly once, and record its id.",
    parameters=SubmitTask,
    dedup_key=lambda parameters: f"submit:{parameters.task_name}",
    subject=lambda parameters: parameters.task_name,
    timeout_seconds=3600,
    on_lost=OnLost.UNKNOWN,
    at_a_time=lambda: settings().submission.limit,
    ended=_submission_ended,
)

OPERATE_TASK = Action(
    name="panda_task_operation",
    summary="Raise the attempts of a live PanDA task, retry its failures, pause or resume it.",
    parameters=OperateTask,
    dedup_key=lambda parameters: f"panda-op:{parameters.operation}:{parameters.jedi_task_id}",
    subject=lambda parameters: parameters.task_name or str(parameters.jedi_task_id),
    timeout_seconds=600,
    on_lost=OnLost.UNKNOWN,
)

SYNC_TASK_STATES = Action(
    name="sync_task_states",
    summary="Ask PanDA for the states of submitted tasks, and bring PCS up to date.",
    parameters=Nothing,
    dedup_key=lambda _: "all",
    subject=lambda _: None,
    timeout_seconds=900,
    schedule="*/5 * * * *",
    runs_at_a_time=1,
    on_lost=OnLost.RERUN,
)

ACTIONS = (OPERATE_TASK, SUBMIT_TASK, SYNC_TASK_STATES)
