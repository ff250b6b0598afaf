"""The SQL that deletes old history, in bounded pieces. Nothing here commits."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

PIECE = 20_000

_EVENTS = text("""
    DELETE FROM event WHERE id IN (SELECT id FROM event WHERE at < :before ORDER BY id LIMIT :piece)
""")
_RELAYED = text("""
    DELETE FROM relayed_state WHERE state_id IN
        (SELECT state_id FROM relayed_state WHERE at < :before LIMIT :piece)
""")


def delete_events(session: Session, before: datetime) -> int:
    """Delete a piece of the events before that time; gives their number."""
    return _deleted(session, _EVENTS, before)


def delete_relayed_states(session: Session, before: datetime) -> int:
    """Delete a piece of the relay's memory before that time; gives its number."""
    return _deleted(session, _RELAYED, before)


def _deleted(session: Session, statement: object, before: datetime) -> int:
    parameters = {"before": before, "piece": PIECE}
    return int(session.execute(statement, parameters).rowcount)  # type: ignore[call-overload]
