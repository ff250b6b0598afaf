"""Cancellations: somebody wants a request to end, or nobody waits for it any more."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from sqlalchemy import func, select, update
from sqlalchemy import text as sql_text
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import Session

from flows.common import actions, requests
from flows.common.access import access_refused
from flows.common.callers import Caller
from flows.common.database import among, now
from flows.common.models import OPEN, Cancellation, Request, RequestState

_CANCEL: Final = sql_text(
    "SELECT request_cancel(:means, :proof, :request_id, :requested_by, :reason)"
)


def ask(session: Session, request_id: int, *, caller: Caller, reason: str) -> Request:
    """Note that somebody wants the request to end; the ops side carries it out.

    What is unknown ends so once it is sure that its effect did not happen.

    Raises:
        RequestNotFound: There is no such request.
        Forbidden: It is another's, and the caller may not operate.
    """
    request = requests.get(session, request_id)
    caller.require_own(request.requested_by, f"Cancelling request {request_id}")
    if request.state in OPEN:
        _note(session, request_id, caller, reason)
        requests.wake(session, requests.CANCELLATION)
    return request


def _note(session: Session, request_id: int, caller: Caller, reason: str) -> None:
    values = {"request_id": request_id, "requested_by": caller.name, "reason": reason}
    if caller.proof is None:
        unless_noted = pg_insert(Cancellation).values(**values, at=now()).on_conflict_do_nothing()
        session.execute(unless_noted)
        return
    shown = {"means": caller.proof.means, "proof": caller.proof.value}
    with access_refused():
        session.execute(_CANCEL, values | shown)


def end_queued(session: Session) -> Sequence[Request]:
    """End the queued requests whose cancellation was asked for."""
    return session.scalars(
        update(Request)
        .where(
            Request.state == RequestState.QUEUED,
            Request.id == Cancellation.request_id,
        )
        .values(
            state=RequestState.CANCELLED,
            finished_at=func.now(),
            error=func.concat("cancelled by ", Cancellation.requested_by),
        )
        .returning(Request)
    ).all()


def end_looks(session: Session, *, seconds: float) -> Sequence[Request]:
    """End what only the opening of a page asked for, and what has not begun for so long."""
    looks = [each.name for each in actions.all_actions().values() if each.is_look]
    return session.scalars(
        update(Request)
        .where(
            Request.action.in_(looks),
            Request.source == requests.PAGE,
            Request.state == RequestState.QUEUED,
            Request.attempts == 0,
            Request.created_at < func.now() - timedelta(seconds=seconds),
        )
        .values(
            state=RequestState.CANCELLED,
            finished_at=func.now(),
            error=f"nobody waits for it any more: it had not begun after {seconds:g} s",
        )
        .returning(Request)
    ).all()


def unserved(session: Session, ids: Sequence[int]) -> Sequence[Cancellation]:
    """The cancellations asked for the requests `ids`, for which no run was ended yet."""
    return session.scalars(
        select(Cancellation).where(
            among(Cancellation.request_id, ids), Cancellation.served_at.is_(None)
        )
    ).all()


def serve(session: Session, request_id: int) -> None:
    """Note that a run of the request was ended because its cancellation was asked for."""
    session.execute(
        update(Cancellation)
        .where(Cancellation.request_id == request_id, Cancellation.served_at.is_(None))
        .values(served_at=func.now())
    )


def of(session: Session, request_id: int) -> Cancellation | None:
    """Who wants the request to end; None where nobody does."""
    return session.get(Cancellation, request_id)
