"""Holding: what the holder of a claim writes of its request. Nothing here commits.

The attempt's number fences every write: an attempt that was given up can no longer write.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, insert, select, update
from sqlalchemy.orm import Session

from flows.common import requests
from flows.common.claims import Claim, ClaimLost
from flows.common.database import now
from flows.common.models import HELD, OPEN, SUCCESSOR, Request, RequestState


def note_flow_run(session: Session, claim: Claim, *, state: RequestState) -> None:
    """Note the attempt's flow run and that the request is claimed or running.

    Raises:
        ClaimLost: The attempt does not hold the request.
    """
    started = {"started_at": func.now()} if state is RequestState.RUNNING else {}
    _write(session, claim, state=state, flow_run_id=claim.flow_run_id, **started)


def finish(
    session: Session,
    claim: Claim,
    state: RequestState,
    *,
    result: dict[str, Any] | None = None,
    error: str | None = None,
) -> None:
    """End the request, in the transaction that holds what it changed.

    Raises:
        ClaimLost: The attempt does not hold the request.
    """
    ending = {"state": state, "result": result, "error": error, "finished_at": func.now()}
    _write(session, claim, **ending, lease_until=None, not_before=None)
    requests.wake(session)  # one may wait for the room that this leaves


def give_back(session: Session, claim: Claim, *, error: str | None, delay_seconds: float) -> None:
    """Queue the request again, not before the delay; the next attempt has another number.

    Raises:
        ClaimLost: The attempt does not hold the request.
    """
    _let_go(session, claim, RequestState.QUEUED, error, delay_seconds)


def put_off(session: Session, claim: Claim, *, error: str | None, delay_seconds: float) -> None:
    """Say that the request's effect is unknown; it is looked into again after the delay.

    Raises:
        ClaimLost: The attempt does not hold the request.
    """
    _let_go(session, claim, RequestState.UNKNOWN, error, delay_seconds)


def end_waiting(
    session: Session,
    request_id: int,
    state: RequestState,
    *,
    result: dict[str, Any] | None = None,
    error: str | None = None,
) -> bool:
    """End a request that waits, for another that took its work over.

    Returns:
        Whether nobody works on it: it is ended now, or was before.
    """
    request = session.scalars(
        select(Request).where(Request.id == request_id).with_for_update()
    ).one_or_none()
    if request is None or request.state not in OPEN:
        return True
    if request.state in HELD:
        return False
    request.state, request.result, request.error = state, result, error
    request.finished_at, request.not_before = now(), None
    session.flush()
    return True


def fence(session: Session, claim: Claim) -> None:
    """Hold the request's row to the end of the transaction, as the attempt that owns it.

    Raises:
        ClaimLost: The attempt does not hold the request.
    """
    _lock(session, claim, is_shared=True)


def lock_for_end(session: Session, claim: Claim) -> None:
    """Lock the request's row, so that nobody joins it before the transaction ends.

    Raises:
        ClaimLost: The attempt does not hold the request.
    """
    _lock(session, claim, is_shared=False)


def succeed(session: Session, claim: Claim) -> int:
    """Open the successor of the attempt's request, which takes over its dedup key.

    Raises:
        ClaimLost: The attempt does not hold the request.
    """
    _lock(session, claim, is_shared=False)
    predecessor = requests.get(session, claim.request_id)
    if predecessor.successor_id is not None:
        return predecessor.successor_id
    # The key is free only once the predecessor names its successor: first itself, then the other.
    predecessor.successor_id = predecessor.id
    session.flush()
    successor = session.scalar(
        insert(Request)
        .values(
            action=predecessor.action,
            parameters=predecessor.parameters,
            dedup_key=predecessor.dedup_key,
            subject=predecessor.subject,
            requested_by=predecessor.requested_by,
            source=SUCCESSOR,
            created_at=now(),
        )
        .returning(Request.id)
    )
    predecessor.successor_id = successor
    requests.wake(session)
    return int(successor or 0)


def rehearse(session: Session) -> None:
    """Do what each run does, of a request that is not there: a later fork has it compiled."""
    nowhere = Claim(0, 0)
    session.get(Request, nowhere.request_id)
    requests.wake(session)
    for step in (lock_for_end, fence):
        with suppress(ClaimLost):
            step(session, nowhere)
    with suppress(ClaimLost):
        finish(session, nowhere, RequestState.COMPLETED, result={})
    session.rollback()


def _let_go(
    session: Session, claim: Claim, state: RequestState, error: str | None, delay_seconds: float
) -> None:
    not_before = func.now() + timedelta(seconds=delay_seconds)
    waiting = {"state": state, "error": error, "not_before": not_before}
    _write(session, claim, **waiting, lease_until=None, worker=None)
    requests.wake(session)


def _lock(session: Session, claim: Claim, *, is_shared: bool) -> None:
    query = select(Request.id).where(*_owned(claim)).with_for_update(read=is_shared)
    _require_held(claim, session.scalar(query))


def _write(session: Session, claim: Claim, **values: Any) -> None:
    query = update(Request).where(*_owned(claim)).values(**values).returning(Request.id)
    _require_held(claim, session.scalar(query))


def _owned(claim: Claim) -> tuple[ColumnElement[bool], ...]:
    return (
        Request.id == claim.request_id,
        Request.attempts == claim.attempt,
        Request.state.in_(HELD),
    )


def _require_held(claim: Claim, found: int | None) -> None:
    if found is None:
        raise ClaimLost(f"request {claim.request_id} is no longer held by attempt {claim.attempt}")
