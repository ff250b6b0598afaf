"""The SQL of arrivals. Nothing here commits."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, undefer

from flows.provenance.domain.arrivals import Arrived, PreviousSweep
from flows.provenance.models import ArrivalsSweep

_LOCK: Final = 0x61727276  # "arrv": the advisory lock of those who write down arrivals


def last_sweep(session: Session) -> tuple[int, PreviousSweep] | tuple[None, None]:
    """The id of the newest sweep of the arrivals, and it; None where there was none yet."""
    row = session.scalar(
        select(ArrivalsSweep)
        .options(undefer(ArrivalsSweep.recent))
        .order_by(ArrivalsSweep.id.desc())
        .limit(1)
    )
    if row is None:
        return None, None
    return row.id, PreviousSweep(row.swept_at, frozenset(row.recent))


def add_sweep(
    session: Session,
    arrived: Arrived,
    *,
    window_start: datetime,
    began_at: datetime,
    after_id: int | None,
) -> int | None:
    """Write a sweep down, unless another has come after that of `after_id`; gives its id."""
    session.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    if session.scalar(select(func.max(ArrivalsSweep.id))) != after_id:
        return None
    session.execute(update(ArrivalsSweep).where(ArrivalsSweep.id == after_id).values(recent=[]))
    row = ArrivalsSweep(
        window_start=window_start,
        swept_at=began_at,
        files=arrived.files,
        by_campaign={name: dict(counted) for name, counted in arrived.by_campaign.items()},
        recent=list(arrived.recent),
    )
    session.add(row)
    session.flush()
    return row.id
