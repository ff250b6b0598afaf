"""The events of submission (ops contract sections 1.5 and 1.7), and those that prodops adds.

No event carries both `agent_name` and `status`: the original monitor takes such a one for a
heartbeat.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Field

from flows.common.claims import Claim
from flows.common.database import now
from flows.common.events import NewEvent, announcement
from flows.common.messages import Announcement, Timestamp, msg_type_of
from flows.common.models import Request
from flows.submission.domain.remarks import Remark
from flows.submission.models import RemarkKind, ResolutionOutcome, Step, SubmissionResolution
from flows.submission.schemas import OperateTask, TaskOperation

_JediTaskId = Annotated[str, Field(pattern="^[0-9]+$", examples=["730"])]
_Reason = Annotated[str, Field(description="Why, in words.", examples=["prun ended with 5"])]


class TaskMessage(Announcement):
    """What every message about a production task says."""

    SUBJECT: ClassVar = "`task_name`"

    task_name: str = Field(
        description="Stored name of the production task at PCS.",
        examples=["epic.26.05.0.DIS.NC.10x100.p1"],
    )


class TaskSubmitProgress(TaskMessage):
    """A step of the submission has begun, in the same transaction."""

    msg_type: Literal["prodtask_submit_progress"]
    step: Step = Field(description="The step.")
    step_number: int = Field(description="Its place in the order, from 1.", examples=[1])
    steps: int = Field(description="How many steps there are.", examples=[len(Step)])
    text: str = Field(description="What is being done, in words.", examples=["taking the task"])
    jedi_task_id: _JediTaskId = Field("", description="Once PanDA has named the task.")


class TaskSubmitted(TaskMessage):
    """Final: PanDA has one task, and PCS has its id; also of one that a sync found at PanDA."""

    FEED: ClassVar = "prodtask.submitted"

    msg_type: Literal["prodtask_submitted"]
    jedi_task_id: _JediTaskId = Field(description="Its jediTaskID.")
    differs: str = Field("", description="How it differs from what was sent, if it was adopted.")


class TaskSubmitFailed(TaskMessage):
    """Final: PanDA has no task of this attempt."""

    FEED: ClassVar = "prodtask.submit_failed"

    msg_type: Literal["prodtask_submit_failed"]
    reason: _Reason


class TaskSubmitUnknown(TaskMessage):
    """PanDA may have the task; each time that the request is put off."""

    FEED: ClassVar = "prodtask.submit_unknown"

    msg_type: Literal["prodtask_submit_unknown"]
    reason: _Reason
    next_check_at: Timestamp = Field(description="When it is looked for again.")


class TaskSubmitUnrecorded(TaskMessage):
    """PanDA has the task, and PCS does not have its id; each time that the request is put off.

    Final where `is_final`: PCS refuses the id, and an operator decides.
    """

    FEED: ClassVar = "prodtask.submit_unrecorded"

    msg_type: Literal["prodtask_submit_unrecorded"]
    jedi_task_id: _JediTaskId = Field(description="Its jediTaskID.")
    reason: _Reason
    next_check_at: Timestamp | None = Field(
        None, description="When it is recorded again; absent where it is final."
    )
    is_final: bool = Field(False, description="Whether nothing more is done by itself.")


class TaskSubmitResolved(TaskMessage):
    """An operator has decided; the final event follows, of the deciding request."""

    FEED: ClassVar = "prodtask.submit_resolved"

    msg_type: Literal["prodtask_submit_resolved"]
    panda_task_name: str = Field(
        description="Name of the attempt at PanDA.",
        examples=["group.EIC.epic.26.05.0.DIS.NC.10x100.p1"],
    )
    outcome: ResolutionOutcome = Field(description="What was decided.")
    jedi_task_id: _JediTaskId | None = Field(description="That of the adopted task, or null.")
    resolved_by: str = Field(description="Who decided.", examples=["olga"])
    reason: _Reason
    differs: str = Field(description="How an adopted task differs from what was sent.")


class TaskRemark(TaskMessage):
    """A sync noticed something at PanDA that PCS cannot hold; announced once."""

    FEED: ClassVar = "panda_task.remark"

    msg_type: Literal["panda_task_remark"]
    jedi_task_id: _JediTaskId = Field(description="The number that it is about.")
    kind: RemarkKind = Field(description="What it is.")
    text: str = Field(description="That in words.", examples=["PanDA shows no task 730"])


class TaskOperated(TaskMessage):
    """An operation on a live task has ended."""

    FEED: ClassVar = "panda_task.operation"

    msg_type: Literal["panda_task_operation_done"]
    jedi_task_id: _JediTaskId = Field(description="Its jediTaskID.")
    operation: TaskOperation = Field(description="What was asked for.")
    ok: bool = Field(description="Whether it was done.", examples=[True])
    summary: str = Field("", description="What was done, if it was.", examples=["paused"])
    error: str = Field("", description="Why not, if it was not.")


EVENTS = (
    TaskSubmitProgress, TaskSubmitUnknown, TaskSubmitUnrecorded, TaskSubmitted, TaskSubmitFailed,
    TaskSubmitResolved, TaskRemark, TaskOperated,
)  # fmt: skip

PROGRESS: Final = msg_type_of(TaskSubmitProgress)
UNKNOWN: Final = msg_type_of(TaskSubmitUnknown)
UNRECORDED: Final = msg_type_of(TaskSubmitUnrecorded)
SUBMITTED: Final = msg_type_of(TaskSubmitted)
FAILED: Final = msg_type_of(TaskSubmitFailed)


def submitted(task_name: str, jedi_task_id: int, claim: Claim, *, differs: str = "") -> NewEvent:
    """Final: PanDA has one task, and PCS has its id; `differs`: from what the attempt sent."""
    fields = {"differs": differs} if differs else {}
    return _of_task(TaskSubmitted, task_name, claim, jedi_task_id=str(jedi_task_id), **fields)


def associated(remark: Remark, claim: Claim) -> NewEvent:
    """A sync gave PCS a task that it found at PanDA: the task is submitted, and not by us."""
    return submitted(remark.task_name, remark.jedi_task_id, claim, differs=remark.text)


def remarked(remark: Remark, claim: Claim) -> NewEvent:
    """PanDA shows something of the task that PCS cannot hold, and an operator must know."""
    return _of_task(
        TaskRemark,
        remark.task_name,
        claim,
        jedi_task_id=str(remark.jedi_task_id),
        kind=remark.kind,
        text=remark.text,
    )


def failed(task_name: str, reason: str, claim: Claim | None) -> NewEvent:
    """Final: PanDA has no task of this attempt, for a reason that an operator can act on."""
    return _of_task(TaskSubmitFailed, task_name, claim, reason=reason)


def unknown(task_name: str, reason: str, next_check_at: datetime, claim: Claim) -> NewEvent:
    """PanDA may have the task; it is looked for again at `next_check_at`."""
    return _of_task(TaskSubmitUnknown, task_name, claim, reason=reason, next_check_at=next_check_at)


def unrecorded(
    task_name: str, jedi_task_id: int, reason: str, next_check_at: datetime | None, claim: Claim
) -> NewEvent:
    """PanDA has the task, and PCS does not have its id yet.

    Final where there is no next check: PCS refuses the id, and an operator decides.
    """
    fields: dict[str, Any] = {"jedi_task_id": str(jedi_task_id), "reason": reason}
    if next_check_at is None:
        fields["is_final"] = True
    else:
        fields["next_check_at"] = next_check_at
    return _of_task(TaskSubmitUnrecorded, task_name, claim, **fields)


def resolved(decided: SubmissionResolution, claim: Claim) -> NewEvent:
    """An operator has decided what a submission came to; its final event follows."""
    return _of_task(
        TaskSubmitResolved,
        decided.task_name,
        claim,
        panda_task_name=decided.panda_name,
        outcome=decided.outcome,
        jedi_task_id=None if decided.jedi_task_id is None else str(decided.jedi_task_id),
        resolved_by=decided.resolved_by,
        reason=decided.reason,
        differs=decided.differs,
    )


def progress(
    task_name: str, step: Step, text: str, claim: Claim, *, jedi_task_id: int | None = None
) -> NewEvent:
    """The step that the submission is at; `jedi_task_id` once PanDA has named the task."""
    fields: dict[str, Any] = {
        "step": step, "step_number": step.number, "steps": len(Step), "text": text
    }  # fmt: skip
    if jedi_task_id is not None:
        fields["jedi_task_id"] = str(jedi_task_id)
    return _of_task(TaskSubmitProgress, task_name, claim, **fields)


def lost(request: Request) -> NewEvent:
    """The run of a submission was lost: the next one finds out what it did."""
    reason = f"{request.error or 'the run was lost'}; what it did is being found out"
    return unknown(_task_of(request), reason, request.not_before or now(), _claim_of(request))


def cancelled(request: Request) -> NewEvent:
    """Final: the submission was cancelled before anything was sent."""
    reason = f"{request.error or 'cancelled'}; nothing was sent"
    return failed(_task_of(request), reason, _claim_of(request))


def operated(form: OperateTask, text: str, claim: Claim | None, *, is_ok: bool) -> NewEvent:
    """An operation on a live task has ended; `text` is its summary or its error."""
    return _of_task(
        TaskOperated,
        form.task_name,
        claim,
        jedi_task_id=str(form.jedi_task_id),
        operation=form.operation,
        ok=is_ok,
        **{"summary" if is_ok else "error": text},
    )


def _of_task(
    body: type[TaskMessage], task_name: str, claim: Claim | None, **fields: Any
) -> NewEvent:
    return announcement(body, claim, task_name, task_name=task_name, **fields)


def _task_of(request: Request) -> str:
    return str(request.parameters.get("task_name", ""))


def _claim_of(request: Request) -> Claim:
    return Claim(request.id, request.attempts, request.flow_run_id)
