"""The events of payload logs (ops contract section 1.4), and those that prodops adds.

`pandaid` and `jeditaskid` are strings, as peers read them.
"""

from __future__ import annotations

import uuid
from typing import Any, Final

from flows.common import events
from flows.common.database import now
from flows.common.models import Request
from flows.common.requests import Claim

NAMESPACE: Final = "prodops"
SENDER: Final = "prodops"

READY: Final = "payload_log_ready"
FAILED: Final = "payload_log_failed"
PROGRESS: Final = "payload_log_progress"


def ready(pandaid: int, jeditaskid: int, holder: Claim) -> events.NewEvent:
    """Final: the members are in the cache."""
    return _event(READY, pandaid, jeditaskid, holder.request_id, holder.flow_run_id)


def failed(
    pandaid: int, jeditaskid: int | None, reason: str, attempts: int, holder: Claim
) -> events.NewEvent:
    """Final: nothing new is in the cache, and why. `attempts`: failures since the last success."""
    told = {"reason": reason, "attempts": attempts}
    return _event(FAILED, pandaid, jeditaskid, holder.request_id, holder.flow_run_id, **told)


def progress(
    pandaid: int, jeditaskid: int | None, step: str, *, number: int, text: str, holder: Claim
) -> events.NewEvent:
    """The step that the fetch is at."""
    told = {"step": step, "step_number": number, "text": text}
    return _event(PROGRESS, pandaid, jeditaskid, holder.request_id, holder.flow_run_id, **told)


def given_up(request: Request, attempts: int) -> events.NewEvent:
    """Final: the fetch was called off, or its runs were lost."""
    given = request.parameters
    told = {"reason": request.error or str(request.state), "attempts": attempts}
    return _event(
        FAILED, given["pandaid"], given.get("jeditaskid"), request.id, request.flow_run_id, **told
    )


def _event(
    msg_type: str,
    pandaid: int,
    jeditaskid: int | None,
    request_id: int,
    flow_run_id: uuid.UUID | None,
    **fields: Any,
) -> events.NewEvent:
    body = {
        "msg_type": msg_type,
        "namespace": NAMESPACE,
        "sender": SENDER,
        "processed_by": SENDER,
        "pandaid": str(pandaid),
        "jeditaskid": "" if jeditaskid is None else str(jeditaskid),
        **fields,
        "request_id": request_id,
        "timestamp": now().isoformat(),
    }
    return events.message_event(
        body, subject=str(pandaid), request_id=request_id, flow_run_id=flow_run_id
    )
