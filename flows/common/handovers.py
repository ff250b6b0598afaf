"""Handovers: requests held for another work pool, until a process of their run takes them.

Nothing here commits. Whoever hands a request over holds it under the pool's name, as claimed; the
process of its run takes it once, and holds it from then on as any worker does.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from flows.common.claims import Claim
from flows.common.models import HELD, Request, RequestState

_MARK: Final = "pool:"
_MOST_NAME: Final = 200


def holder(pool: str) -> str:
    """The name under which what is handed over to a pool is held."""
    return f"{_MARK}{pool}"


def process(pool: str | None, host: str, pid: int) -> str:
    """The name under which a process of a pool holds its request."""
    return f"{holder(pool or '')} {host}:{pid}"[:_MOST_NAME]


def take(session: Session, claim: Claim, *, worker: str, lease_seconds: float) -> bool:
    """Hold a request that was handed over, as running, for the process of its attempt's run.

    Returns:
        Whether it is held now: of several processes of the run one takes it, once; nobody takes
        what was withdrawn, or what a warm worker holds.
    """
    taken = (
        update(Request)
        .where(*_waits(claim))
        .values(
            state=RequestState.RUNNING,
            worker=worker,
            started_at=func.now(),
            flow_run_id=claim.flow_run_id,
            lease_until=func.now() + timedelta(seconds=lease_seconds),
        )
    )
    return session.scalar(taken.returning(Request.id)) is not None


def note_run(session: Session, claim: Claim) -> None:
    """Note the run of a request that was handed over, unless its process has taken it."""
    noted = update(Request).where(*_waits(claim)).values(flow_run_id=claim.flow_run_id)
    session.execute(noted)


def withdraw(session: Session, claim: Claim, *, worker: str) -> bool:
    """Hold it for `worker` again, so that no process takes it any more; False where one has."""
    back = update(Request).where(*_waits(claim)).values(worker=worker)
    return session.scalar(back.returning(Request.id)) is not None


def waiting(session: Session, pool: str) -> Sequence[Request]:
    """What was handed over to the pool, and was not taken yet; the oldest first."""
    query = select(Request).where(
        Request.worker == holder(pool), Request.state == RequestState.CLAIMED
    )
    return session.scalars(query.order_by(Request.id)).all()


def of_run(session: Session, flow_run_id: uuid.UUID) -> Request | None:
    """The request that a pool, or a process of one, holds for the flow run."""
    query = select(Request).where(
        Request.flow_run_id == flow_run_id, Request.state.in_(HELD), is_of_pools()
    )
    return session.scalars(query).first()


def running(session: Session) -> Sequence[Request]:
    """What processes of other pools hold."""
    query = select(Request).where(Request.state == RequestState.RUNNING, is_of_pools())
    return session.scalars(query.order_by(Request.id)).all()


def is_of_pools() -> ColumnElement[bool]:
    """Whether a request is held for another pool, or by a process of one."""
    return Request.worker.startswith(_MARK, autoescape=True)


def _waits(claim: Claim) -> tuple[ColumnElement[bool], ...]:
    return (
        Request.id == claim.request_id,
        Request.attempts == claim.attempt,
        Request.state == RequestState.CLAIMED,
        is_of_pools(),
    )
