"""Requests counted for Prometheus: how often each state was entered, and how long it lasted.

A trigger notes each change of a request's state beside it, whoever makes it. `fold` adds the notes
up: the counts go on when requests are deleted, and no transaction waits for another's counter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, Double, Identity, String, func, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from blocks.histogram import Histogram
from flows.common.database import AwareTime, Base

BOUNDS: Final = (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 21600.0, 86400.0)
"""Upper bounds of the time in a state, in seconds."""
_LOCK: Final = 0x636E7473  # "cnts": the advisory lock of whoever folds


class RequestTransition(Base):
    """A change of a request's state that is not added up yet. `left_state` null: it is new."""

    __tablename__ = "request_transition"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    action: Mapped[str] = mapped_column(String(100))
    left_state: Mapped[str | None] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(20))
    seconds: Mapped[float] = mapped_column(Double)
    at: Mapped[datetime] = mapped_column(AwareTime)


class RequestEntered(Base):
    """How often requests of an action have entered a state, and when last."""

    __tablename__ = "request_entered"

    action: Mapped[str] = mapped_column(String(100), primary_key=True)
    state: Mapped[str] = mapped_column(String(20), primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger)
    last_at: Mapped[datetime] = mapped_column(AwareTime)


class RequestTime(Base):
    """How often requests of an action were in a state for at most `upto_seconds`, its bucket."""

    __tablename__ = "request_time"

    action: Mapped[str] = mapped_column(String(100), primary_key=True)
    state: Mapped[str] = mapped_column(String(20), primary_key=True)
    upto_seconds: Mapped[float] = mapped_column(Double, primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger)
    seconds: Mapped[float] = mapped_column(Double)


_ENTERED: Final = """
    SELECT action, state, count(*) AS number, max(at) AS last_at
    FROM {rows} GROUP BY action, state
"""
_TIMES: Final = """
    SELECT action, left_state AS state, upto.seconds AS upto_seconds, count(*) AS number,
           sum({rows}.seconds) AS seconds
    FROM {rows}, LATERAL (
        SELECT min(bound) AS seconds FROM unnest(cast(:bounds AS float8[])) AS bound
        WHERE bound >= {rows}.seconds) AS upto
    WHERE left_state IS NOT NULL GROUP BY action, left_state, upto.seconds
"""
_FOLD: Final = text(f"""
    WITH gone AS (DELETE FROM request_transition RETURNING *),
    entered AS (
        INSERT INTO request_entered AS kept (action, state, number, last_at)
        {_ENTERED.format(rows="gone")}
        ON CONFLICT (action, state) DO UPDATE SET
            number = kept.number + excluded.number,
            last_at = greatest(kept.last_at, excluded.last_at))
    INSERT INTO request_time AS kept (action, state, upto_seconds, number, seconds)
    {_TIMES.format(rows="gone")}
    ON CONFLICT (action, state, upto_seconds) DO UPDATE SET
        number = kept.number + excluded.number, seconds = kept.seconds + excluded.seconds
""")  # noqa: S608 - of constants
# Each is one statement, so that what is folded meanwhile is counted once.
_READ_ENTERED: Final = text(f"""
    SELECT action, state, sum(number)::bigint, max(last_at)
    FROM (SELECT action, state, number, last_at FROM request_entered
          UNION ALL {_ENTERED.format(rows="request_transition")}) AS counted
    GROUP BY action, state ORDER BY action, state
""")  # noqa: S608 - of constants
_READ_TIMES: Final = text(f"""
    SELECT action, state, upto_seconds, sum(number)::bigint, sum(seconds)
    FROM (SELECT action, state, upto_seconds, number, seconds FROM request_time
          UNION ALL {_TIMES.format(rows="request_transition")}) AS counted
    GROUP BY action, state, upto_seconds ORDER BY action, state, upto_seconds
""")  # noqa: S608 - of constants
_BOUNDS_ROW: Final = {"bounds": [*BOUNDS, float("inf")]}


@dataclass(frozen=True)
class Entered:
    """How often requests of an action have entered a state, and when last."""

    action: str
    state: str
    number: int
    last_at: datetime


@dataclass(frozen=True)
class TimeInState:
    """How long requests of an action that have left a state were in it."""

    action: str
    state: str
    times: Histogram


def fold(session: Session) -> None:
    """Add up what was noted, unless another process does it just now."""
    if session.scalar(func.pg_try_advisory_xact_lock(_LOCK)):
        session.execute(_FOLD, _BOUNDS_ROW)


def entered(session: Session) -> list[Entered]:
    """How often each state was entered, what is not folded yet included."""
    return [Entered(*row) for row in session.execute(_READ_ENTERED)]


def times(session: Session) -> list[TimeInState]:
    """How long each state lasted, what is not folded yet included."""
    return list(_by_state(session.execute(_READ_TIMES, _BOUNDS_ROW)))


def _by_state(rows: Any) -> Iterator[TimeInState]:
    found: dict[tuple[str, str], Histogram] = {}
    for action, state, upto_seconds, number, seconds in rows:
        times = found.setdefault((action, state), Histogram(BOUNDS))
        # Another version's bound counts with the next one of ours.
        place = sum(bound < upto_seconds for bound in BOUNDS)
        times.counts[place] += number
        times.seconds += seconds
    for (action, state), each in found.items():
        yield TimeInState(action, state, each)
