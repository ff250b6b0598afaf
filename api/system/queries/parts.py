"""The parts of the ops side, as they have said themselves that they are."""

from __future__ import annotations

from typing import Final

from sqlalchemy import text
from sqlalchemy.orm import Session

from api.system.domain import PartRow
from flows.common.models import PartKind
from flows.common.standing import AWAY_SECONDS

_PARTS: Final = text("""
    SELECT kind, name, heard_at, heard_at >= now() - make_interval(secs => :away) AS is_heard,
           prefect_away_since, wait_reasons, details, started_at
    FROM ops_part ORDER BY kind DESC, name
""")
_KNOWN: Final = frozenset(PartKind)


def read(session: Session) -> list[PartRow]:
    """Each part: workers first, then scanner, relay, notifier and bridge."""
    rows = session.execute(_PARTS, {"away": AWAY_SECONDS}).mappings()
    return [
        PartRow(**{**row, "kind": PartKind(row["kind"])}) for row in rows if row["kind"] in _KNOWN
    ]
