"""What a restored database is told: that its history begins anew, and no id is used again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.orm import Session

from deployments.backup.manifest import Manifest
from deployments.backup.server import Connection
from flows.common import events
from flows.common.database import now
from flows.housekeeping.messages import HistoryRestored

_GAPS: Final[Mapping[str, int]] = {"bigint": 1_000_000, "integer": 10_000, "smallint": 0}
"""By how much ids go on later than any that is known, by their type."""
_LAST: Final = """
    SELECT sequencename, coalesce(last_value, start_value) FROM pg_sequences
    WHERE schemaname = 'public'
"""
_SEQUENCES: Final = text("""
    SELECT sequencename, data_type::text, coalesce(last_value, start_value), max_value
    FROM pg_sequences WHERE schemaname = 'public'
""")
_RAISE: Final = text("SELECT setval(format('public.%I', cast(:name AS text)), :value, true)")
_EVENTS: Final = text("SELECT pg_get_serial_sequence('event', 'id')")
_RAISE_EVENTS: Final = text("SELECT setval(pg_get_serial_sequence('event', 'id'), :next, false)")


def last_ids(connection: Connection) -> dict[str, int]:
    """The last id that each sequence of a database has given out."""
    return dict(connection.execute(_LAST).fetchall())


def begin_anew(session: Session, manifest: Manifest, former: Mapping[str, int]) -> int:
    """Raise every sequence, announce the restore, and commit; gives the announcement's id.

    Args:
        session: Of the restored database, whose schema is this version's.
        manifest: Of the backup.
        former: The last ids of the database that is replaced; empty: it is not there any more.
    """
    for name, kind, last, most in session.execute(_SEQUENCES).all():
        value = min(max(last, former.get(name, 0)) + _GAPS[kind], most)
        session.execute(_RAISE, {"name": name, "value": value})
    of_events = str(session.scalar(_EVENTS)).rpartition(".")[2]
    newest = max(manifest.newest_event_id, former.get(of_events, 0))
    session.execute(_RAISE_EVENTS, {"next": first_event_id(newest, now())})
    said = events.announcement(
        HistoryRestored,
        None,
        None,
        last_event_id=events.last_id(session),
        backup_at=manifest.at,
    )
    [event_id] = events.commit(session, [said])
    return event_id


def first_event_id(newest: int, at: datetime) -> int:
    """The id that events go on with: of that millisecond, and beyond the newest that is known.

    So one restore more, of which nothing but the same backup is left, gives no id again, as long as
    there are fewer than a thousand events a second.
    """
    return max(newest + 1, round(1000 * at.timestamp()))
