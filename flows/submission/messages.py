"""The events of submission (ops contract sections 1.5 and 1.7), and those that prodops adds.

No event carries both `agent_name` and `status`: the original monitor takes such a one for a
heartbeat.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from flows.common import events
from flows.common.database import now
from flows.common.models import Request
from flows.common.requests import Claim

NAMESPACE: Final = "prodops"
SENDER: Final = "prodops"

SUBMITTED: Final = "prodtask_submitted"
FAILED: Final = "prodtask_submit_failed"
UNKNOWN: Final = "prodtask_submit_unknown"
UNRECORDED: Final = "prodtask_submit_unrecorded"
PROGRESS: Final = "prodtask_submit_progress"
OPERATED: Final = "panda_task_operation_done"


def submitted(task_name: str, jedi_task_id: int, holder: Claim) -> events.NewEvent:
    """Final: PanDA has one task, and PCS has its id."""
    return _event(SUBMITTED, task_name, holder, jedi_task_id=str(jedi_task_id))


def failed(task_name: str, reason: str, holder: Claim) -> events.NewEvent:
    """Final: PanDA has no task of this attempt, for a reason that an operator can act on."""
    return _event(FAILED, task_name, holder, reason=reason)


def unknown(task_name: str, reason: str, next_check_at: datetime, holder: Claim) -> events.NewEvent:
    """PanDA may have the task; it is looked for again at `next_check_at`."""
    when = next_check_at.isoformat()
    return _event(UNKNOWN, task_name, holder, reason=reason, next_check_at=when)


def unrecorded(
    task_name: str, jedi_task_id: int, reason: str, next_check_at: datetime, holder: Claim
) -> events.NewEvent:
    """PanDA has the task, and PCS has not been told yet."""
    return _event(
        UNRECORDED,
        task_name,
        holder,
        jedi_task_id=str(jedi_task_id),
        reason=reason,
        next_check_at=next_check_at.isoformat(),
    )


def progress(task_name: str, step: str, number: int, text: str, holder: Claim) -> events.NewEvent:
    """The step that the submission is at."""
    return _event(PROGRESS, task_name, holder, step=step, step_number=number, text=text)


def lost(request: Request) -> events.NewEvent:
    """The run of a submission was lost: the next one finds out what it did."""
    name = str(request.parameters.get("task_name", ""))
    reason = f"{request.error or 'the run was lost'}; what it did is being found out"
    when = request.not_before or now()
    return unknown(name, reason, when, Claim(request.id, request.attempts, request.flow_run_id))


def cancelled(request: Request) -> events.NewEvent:
    """Final: the submission was called off before anything was sent."""
    name = str(request.parameters.get("task_name", ""))
    reason = f"{request.error or 'cancelled'}; nothing was sent"
    return failed(name, reason, Claim(request.id, request.attempts, request.flow_run_id))


def operated(
    task_name: str, jedi_task_id: int, operation: str, *, is_ok: bool, text: str, holder: Claim
) -> events.NewEvent:
    """An operation on a live task has ended; `text` is its summary or its error."""
    told = {"summary": text} if is_ok else {"error": text}
    return _event(
        OPERATED,
        task_name,
        holder,
        jedi_task_id=str(jedi_task_id),
        operation=operation,
        ok=is_ok,
        **told,
    )


def _event(msg_type: str, task_name: str, holder: Claim, **fields: Any) -> events.NewEvent:
    body = {
        "msg_type": msg_type,
        "namespace": NAMESPACE,
        "sender": SENDER,
        "processed_by": SENDER,
        "task_name": task_name,
        **fields,
        "request_id": holder.request_id,
        "timestamp": now().isoformat(),
    }
    return events.message_event(
        body,
        subject=task_name,
        request_id=holder.request_id,
        flow_run_id=holder.flow_run_id,
    )
