"""What all web processes show alike: read in one transaction, by a few cheap queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.orm import Session

from flows.common import canary, request_counts
from flows.common.request_counts import Entered, TimeInState

_MOST_PARTS: Final = 200
_OPEN: Final = text("""
    SELECT action, state, count(*) AS number, count(*) FILTER (WHERE is_due) AS due,
           coalesce(extract(epoch FROM now() - min(since) FILTER (WHERE is_due)), 0)::float
               AS oldest_seconds
    FROM (SELECT action, state,
                 greatest(coalesce(state_since, created_at), not_before) AS since,
                 (state = 'queued' AND coalesce(not_before <= now(), true))
                 OR (state = 'unknown' AND not_before <= now()) AS is_due
          FROM request WHERE state IN ('queued', 'claimed', 'running', 'unknown')) AS open
    GROUP BY action, state ORDER BY action, state
""")
_IDS: Final = text("""
    SELECT (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM event_id_seq) AS events,
           (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM fastmon_inbox_id_seq)
               AS stfs
""")
# In all, over pruning; what canaries bring about is removed again.
_SAMPLED: Final = text("""
    SELECT kind, sum(number)::bigint AS number FROM fastmon_tally
    WHERE at = '-infinity' AND kind IN ('sampled', 'tfs') AND namespace <> :canary GROUP BY kind
""")
_STFS: Final = text("""
    SELECT state, count(*) AS number
    FROM (SELECT state FROM fastmon_inbox ORDER BY id DESC LIMIT 1000) AS newest GROUP BY state
""")
_PARTS: Final = text("""
    SELECT kind, name, extract(epoch FROM now() - heard_at)::float AS heard_seconds, restarts,
           extract(epoch FROM started_at)::float AS started,
           coalesce(extract(epoch FROM now() - prefect_away_since), 0)::float
               AS prefect_away_seconds, details
    FROM ops_part ORDER BY kind, name LIMIT :most
""")


# Of a month's: where none passes for long, not all of history is read at each scrape.
# A walk of single legs says nothing of the others, and one that was unknown is no success.
_CANARY: Final = text("""
    SELECT finished_at
    FROM (SELECT id, finished_at, state, parameters, result FROM request
          WHERE action = 'run_canary' ORDER BY id DESC LIMIT 3000) AS newest
    WHERE state = 'completed' AND parameters -> 'legs' = '[]' AND result ->> 'state' = 'passed'
    ORDER BY id DESC LIMIT 1
""")


@dataclass(frozen=True, kw_only=True)
class OpenRequests:
    """Open requests of an action in a state; `due`: how many of them could begin now."""

    action: str
    state: str
    number: int
    due: int
    oldest_seconds: float


@dataclass(frozen=True, kw_only=True)
class PartRow:
    """What a part of the ops side said last; `started` in Unix time."""

    kind: str
    name: str
    heard_seconds: float
    restarts: int
    started: float | None
    prefect_away_seconds: float
    details: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Common:
    """What the database knows.

    Attributes:
        sampled: How many STFs were sampled and TF files registered, by `TallyKind`.
        stfs_recent: How many of the newest STFs are in each state.
        canary_passed: When the last walk of all legs was over that passed; None: none did.
    """

    at: datetime
    open: Sequence[OpenRequests]
    entered: Sequence[Entered]
    times: Sequence[TimeInState]
    events: int
    stfs: int
    sampled: Mapping[str, int]
    stfs_recent: Mapping[str, int]
    parts: Sequence[PartRow]
    canary_passed: datetime | None


def read(session: Session) -> Common:
    """What the database knows now."""
    events, stfs = session.execute(_IDS).one()
    parts = session.execute(_PARTS, {"most": _MOST_PARTS}).mappings()
    return Common(
        at=session.execute(text("SELECT now()")).scalar_one(),
        open=[OpenRequests(**row) for row in session.execute(_OPEN).mappings()],
        entered=request_counts.entered(session),
        times=request_counts.times(session),
        events=events,
        stfs=stfs,
        sampled={
            row.kind: row.number for row in session.execute(_SAMPLED, {"canary": canary.NAMESPACE})
        },
        stfs_recent={row.state: row.number for row in session.execute(_STFS)},
        parts=[PartRow(**row) for row in parts],
        canary_passed=session.scalar(_CANARY),
    )
