"""The events of provenance (ops contract sections 1.8 to 1.10), and those that prodops adds."""

from __future__ import annotations

from typing import Any, Final

from flows.common.claims import Claim
from flows.common.events import NewEvent, announcement
from flows.common.models import Request

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


def ended(action: str, claim: Claim | None, subject: str | None = None, **fields: Any) -> NewEvent:
    """Final: how an action ended; `ok`, then `summary` or `error`, and what it is about."""
    return announcement(ENDINGS[action], claim, subject, **fields)


def progress(action: str, claim: Claim, subject: str | None = None, **fields: Any) -> NewEvent:
    """How far a long action is: done, total, text."""
    return announcement(PROGRESS, claim, subject, action=action, **fields)


def lost(request: Request) -> tuple[NewEvent, ...]:
    """Final: an action was cancelled, or its run lost for good; nothing where its parts say it."""
    if request.action not in ENDINGS:
        return ()
    about: dict[str, Any] = {
        name: request.parameters[name]
        for name in ("campaign", "scope", "name")
        if name in request.parameters
    }
    claim = Claim(request.id, request.attempts, request.flow_run_id)
    error = request.error or f"{request.state}"
    return (ended(request.action, claim, request.subject, **about, ok=False, error=error),)
