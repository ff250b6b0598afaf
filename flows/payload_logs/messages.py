"""The events of payload logs (ops contract section 1.4), and those that prodops adds.

`pandaid` and `jeditaskid` are strings, as peers read them.
"""

from __future__ import annotations

from typing import Any, Final

from flows.common import events
from flows.common.claims import Claim
from flows.common.models import Request
from flows.payload_logs.models import Step

READY: Final = "payload_log_ready"
FAILED: Final = "payload_log_failed"
PROGRESS: Final = "payload_log_progress"


def ready(pandaid: int, jeditaskid: int | None, claim: Claim) -> events.NewEvent:
    """Final: the members are in the cache."""
    return _event(READY, pandaid, jeditaskid, claim)


def failed(
    pandaid: int, jeditaskid: int | None, reason: str, attempts: int, claim: Claim | None
) -> events.NewEvent:
    """Final: nothing new is in the cache, and why. `attempts`: failures since the last success."""
    return _event(FAILED, pandaid, jeditaskid, claim, reason=reason, attempts=attempts)


def progress(
    pandaid: int, jeditaskid: int | None, step: Step, text: str, claim: Claim
) -> events.NewEvent:
    """The step that the fetch is at."""
    fields = {
        "step": step.value, "step_number": step.number, "steps": len(Step), "text": text
    }  # fmt: skip
    return _event(PROGRESS, pandaid, jeditaskid, claim, **fields)


def given_up(request: Request, attempts: int) -> events.NewEvent:
    """Final: the fetch was called off, or its runs were lost."""
    given = request.parameters
    claim = Claim(request.id, request.attempts, request.flow_run_id)
    reason = request.error or str(request.state)
    return failed(given["pandaid"], given.get("jeditaskid"), reason, attempts, claim)


def _event(
    msg_type: str, pandaid: int, jeditaskid: int | None, claim: Claim | None, **fields: Any
) -> events.NewEvent:
    job = {"pandaid": str(pandaid), "jeditaskid": "" if jeditaskid is None else str(jeditaskid)}
    return events.announcement(msg_type, claim, str(pandaid), **job, **fields)
