"""The events of submission (ops contract sections 1.5 and 1.7), and those that prodops adds.

No event carries both `agent_name` and `status`: the original monitor takes such a one for a
heartbeat.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from flows.common.claims import Claim
from flows.common.database import now
from flows.common.events import NewEvent, announcement
from flows.common.models import Request
from flows.submission.domain.remarks import Remark
from flows.submission.models import Step, SubmissionResolution
from flows.submission.schemas import OperateTask

SUBMITTED: Final = "prodtask_submitted"
FAILED: Final = "prodtask_submit_failed"
UNKNOWN: Final = "prodtask_submit_unknown"
UNRECORDED: Final = "prodtask_submit_unrecorded"
PROGRESS: Final = "prodtask_submit_progress"
RESOLVED: Final = "prodtask_submit_resolved"
REMARKED: Final = "panda_task_remark"
OPERATED: Final = "panda_task_operation_done"


def submitted(task_name: str, jedi_task_id: int, claim: Claim, *, differs: str = "") -> NewEvent:
    """Final: PanDA has one task, and PCS has its id; `differs`: from what the attempt sent."""
    fields = {"differs": differs} if differs else {}
    return _of_task(SUBMITTED, task_name, claim, jedi_task_id=str(jedi_task_id), **fields)


def associated(remark: Remark, claim: Claim) -> NewEvent:
    """A sync gave PCS a task that it found at PanDA: the task is submitted, and not by us."""
    return submitted(remark.task_name, remark.jedi_task_id, claim, differs=remark.text)


def remarked(remark: Remark, claim: Claim) -> NewEvent:
    """PanDA shows something of the task that PCS cannot hold, and an operator must know."""
    return _of_task(
        REMARKED,
        remark.task_name,
        claim,
        jedi_task_id=str(remark.jedi_task_id),
        kind=remark.kind.value,
        text=remark.text,
    )


def failed(task_name: str, reason: str, claim: Claim | None) -> NewEvent:
    """Final: PanDA has no task of this attempt, for a reason that an operator can act on."""
    return _of_task(FAILED, task_name, claim, reason=reason)


def unknown(task_name: str, reason: str, next_check_at: datetime, claim: Claim) -> NewEvent:
    """PanDA may have the task; it is looked for again at `next_check_at`."""
    when = next_check_at.isoformat()
    return _of_task(UNKNOWN, task_name, claim, reason=reason, next_check_at=when)


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
        fields["next_check_at"] = next_check_at.isoformat()
    return _of_task(UNRECORDED, task_name, claim, **fields)


def resolved(decided: SubmissionResolution, claim: Claim) -> NewEvent:
    """An operator has decided what a submission came to; its final event follows."""
    return _of_task(
        RESOLVED,
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
        "step": step.value, "step_number": step.number, "steps": len(Step), "text": text
    }  # fmt: skip
    if jedi_task_id is not None:
        fields["jedi_task_id"] = str(jedi_task_id)
    return _of_task(PROGRESS, task_name, claim, **fields)


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
        OPERATED,
        form.task_name,
        claim,
        jedi_task_id=str(form.jedi_task_id),
        operation=form.operation.value,
        ok=is_ok,
        **{"summary" if is_ok else "error": text},
    )


def _of_task(msg_type: str, task_name: str, claim: Claim | None, **fields: Any) -> NewEvent:
    return announcement(msg_type, claim, task_name, task_name=task_name, **fields)


def _task_of(request: Request) -> str:
    return str(request.parameters.get("task_name", ""))


def _claim_of(request: Request) -> Claim:
    return Claim(request.id, request.attempts, request.flow_run_id)
