"""The SQL of payload logs. Nothing here commits."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from flows.common.database import now
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


def give_up(session: Session, request_id: int, reason: str, *, is_failure: bool) -> None:
    """End what a request wanted whose flow could not."""
    attempts = PayloadLog.attempts + 1 if is_failure else PayloadLog.attempts
    session.execute(
        update(PayloadLog)
        .where(PayloadLog.request_id == request_id, PayloadLog.state == LogState.WANTED)
        .values(state=LogState.FAILED, last_error=reason, attempts=attempts, updated_at=now())
        .execution_options(synchronize_session=False)
    )


def attempts_of(session: Session, pandaid: int) -> int:
    """How many fetches failed since the last that did not."""
    found = select(PayloadLog.attempts).where(PayloadLog.pandaid == pandaid)
    return session.scalar(found) or 0


def lock_for_pruning(
    session: Session, jeditaskid: int, pandaid: int, *, stuck_before: datetime
) -> bool:
    """Whether the log may be deleted; nobody can begin to fetch it before the transaction ends.

    A log that no row knows gets one, for the lock. One that is wanted is left, unless it has been
    since before `stuck_before`.
    """
    session.execute(
        insert(PayloadLog)
        .values(pandaid=pandaid, jeditaskid=jeditaskid, state=LogState.PRUNED, updated_at=now())
        .on_conflict_do_nothing()
    )
    locked = select(PayloadLog).where(PayloadLog.pandaid == pandaid).with_for_update()
    row = session.scalars(locked).one()
    return row.state != LogState.WANTED or row.updated_at < stuck_before


def note_pruned(session: Session, jeditaskid: int, pandaid: int) -> None:
    """Note that the log is no longer in the cache."""
    session.execute(
        update(PayloadLog)
        .where(
            PayloadLog.pandaid == pandaid,
            PayloadLog.jeditaskid == jeditaskid,
            PayloadLog.state == LogState.READY,
        )
        .values(state=LogState.PRUNED, updated_at=now())
        .execution_options(synchronize_session=False)
    )
