"""The events of provenance (ops contract sections 1.8 to 1.10), and those that prodops adds."""

from __future__ import annotations

from typing import Any, Final

from flows.common import events
from flows.common.database import now
from flows.common.models import Request
from flows.common.requests import Claim

NAMESPACE: Final = "prodops"
SENDER: Final = "prodops"

SNAPSHOT: Final = "rucio_snapshot_ready"
SWEPT: Final = "campaign_provenance_ready"
EVGEN_SNAPSHOT: Final = "evgen_rucio_ready"
REGISTERED: Final = "evgen_registered"
ARRIVALS: Final = "rucio_arrivals"
REPORTED: Final = "completion_report_ready"
DID_READ: Final = "rucio_did_ready"
PROGRESS: Final = "provenance_progress"

ENDINGS: Final = {
    "rucio_snapshot_update": SNAPSHOT,
    "campaign_provenance_sweep": SWEPT,
    "evgen_rucio_update": EVGEN_SNAPSHOT,
    "register_evgen": REGISTERED,
    "sweep_arrivals": ARRIVALS,
    "report_completion": REPORTED,
    "read_did": DID_READ,
}
"""The event that ends each action, well or not."""


def ended(action: str, holder: Claim, subject: str | None = None, **fields: Any) -> events.NewEvent:
    """Final: how an action ended; `ok`, then `summary` or `error`, and what it is about."""
    return _event(ENDINGS[action], holder, subject, fields)


def progress(
    action: str, holder: Claim, subject: str | None = None, **fields: Any
) -> events.NewEvent:
    """How far a long action is: done, total, text."""
    return _event(PROGRESS, holder, subject, {"action": action, **fields})


def lost(request: Request) -> events.NewEvent | None:
    """Final: an action was called off, or its run was lost for good; None: its steps tell."""
    if request.action not in ENDINGS:
        return None
    about: dict[str, Any] = {
        name: request.parameters[name]
        for name in ("campaign", "scope", "name")
        if name in request.parameters
    }
    told: dict[str, Any] = {**about, "ok": False, "error": request.error or f"{request.state}"}
    holder = Claim(request.id, request.attempts, request.flow_run_id)
    return ended(request.action, holder, request.subject, **told)


def _event(
    msg_type: str, holder: Claim, subject: str | None, fields: dict[str, Any]
) -> events.NewEvent:
    body = {
        "msg_type": msg_type,
        "namespace": NAMESPACE,
        "sender": SENDER,
        "processed_by": SENDER,
        **fields,
        "request_id": holder.request_id,
        "timestamp": now().isoformat(),
    }
    return events.message_event(
        body, subject=subject, request_id=holder.request_id, flow_run_id=holder.flow_run_id
    )
