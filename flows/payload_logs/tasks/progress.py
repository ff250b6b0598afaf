"""How far a fetch is: its row and the event that announces it, together."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from flows.common import run
from flows.common.run import Announce
from flows.payload_logs import messages, repository
from flows.payload_logs.models import LogState, PayloadLog, Step


def note(pandaid: int, step: Step, text: str, **values: Any) -> PayloadLog:
    """Note the step that the fetch is at, and write `values`; gives the row.

    Raises:
        ClaimLost: The request is no longer ours.
    """
    claim = run.current().claim
    values |= {"state": LogState.WANTED, "request_id": claim.request_id}
    values |= {"step": step.value, "step_text": text}

    def write(session: Session, announce: Announce) -> PayloadLog:
        log = repository.write(session, pandaid, **values)
        announce(messages.progress(pandaid, log.jeditaskid, step, text, claim))
        return log

    return run.current().write(write)
