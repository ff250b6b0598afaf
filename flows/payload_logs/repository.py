"""The SQL of payload logs. Nothing here commits."""

from __future__ import annotations

from typing import Any

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from flows.common.database import now
from flows.common.models import Request
from flows.payload_logs.models import LogState, PayloadLog


def write(session: Session, pandaid: int, **values: Any) -> PayloadLog:
    """Write to the row of a log, which is made if need be with the state given; gives the row."""
    written = {**values, "updated_at": now()}
    statement = insert(PayloadLog).values(pandaid=pandaid, **written)
    session.execute(
        statement.on_conflict_do_update(index_elements=[PayloadLog.pandaid], set_=written)
    )
    return get(session, pandaid)


def get(session: Session, pandaid: int) -> PayloadLog:
    """The row of a log that was asked for, as the database has it."""
    return session.get_one(PayloadLog, pandaid, populate_existing=True)


def give_up(session: Session, request: Request) -> int:
    """End what a request wanted whose flow could not; gives the failures since the last success.

    A run that was lost, or was called off, says nothing of the log: it does not count.
    """
    log = session.get(PayloadLog, request.parameters["pandaid"], with_for_update=True)
    if log is None:
        return 0
    if log.request_id == request.id and log.state == LogState.WANTED:
        log.state, log.last_error = LogState.FAILED, request.error or str(request.state)
    return log.attempts


def locked(session: Session, jeditaskid: int, pandaid: int) -> PayloadLog:
    """The row of a log; nobody can begin to fetch it before the transaction ends.

    A log that no row knows gets one, for the lock.
    """
    session.execute(
        insert(PayloadLog)
        .values(pandaid=pandaid, jeditaskid=jeditaskid, state=LogState.PRUNED, updated_at=now())
        .on_conflict_do_nothing()
    )
    return session.get_one(PayloadLog, pandaid, with_for_update=True)
