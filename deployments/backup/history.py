"""What a restored database is told: that its history begins anew, and no id is used again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sqlalchemy import text
from sqlalchemy.orm import Session

from deployments.backup.manifest import Manifest
from flows.common import events
from flows.housekeeping.messages import HistoryRestored

EVENT_GAP: Final = 1_000_000_000
"""Events that may have come since the backup: half a year of 6 million a day."""
_GAPS: Final[Mapping[str, int]] = {"bigint": 1_000_000, "integer": 10_000, "smallint": 0}
"""By how much the other ids go on later, by their type."""
_SEQUENCES: Final = text("""
    SELECT quote_ident(schemaname) || '.' || quote_ident(sequencename) AS name, data_type::text,
           coalesce(last_value, start_value) AS last, max_value
    FROM pg_sequences WHERE schemaname = 'public'
""")
_RAISE: Final = text("SELECT setval(cast(:name AS regclass), :value, true)")
_RAISE_EVENTS: Final = text("SELECT setval(pg_get_serial_sequence('event', 'id'), :next, false)")


def begin_anew(session: Session, manifest: Manifest, *, newest_event_id: int) -> int:
    """Raise every sequence, announce the restore, and commit; gives the announcement's id.

    Args:
        session: Of the restored database, whose schema is this version's.
        manifest: Of the backup.
        newest_event_id: The last event of the database that is replaced; 0: there is none.
    """
    for name, kind, last, most in session.execute(_SEQUENCES):
        value = min(last + _GAPS[kind], most)
        session.execute(_RAISE, {"name": name, "value": value})
    first = first_event_id(max(newest_event_id, manifest.newest_event_id))
    session.execute(_RAISE_EVENTS, {"next": first})
    said = events.announcement(
        HistoryRestored,
        None,
        None,
        last_event_id=events.last_id(session),
        backup_at=manifest.at,
    )
    [event_id] = events.commit(session, [said])
    return event_id


def first_event_id(newest: int) -> int:
    """The id that the events go on with: round, and at least the gap beyond the newest one."""
    return (newest // EVENT_GAP + 2) * EVENT_GAP
