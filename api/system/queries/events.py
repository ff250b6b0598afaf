"""The newest events, and their types."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Text, case, cast, func, select
from sqlalchemy.orm import Session

from api.http.gist import gist_of
from api.system.views import EventView
from flows.common.models import Event

_SHOWN: Final = 30
_LARGEST_BYTES: Final = 1 << 14  # of a payload that is read: a line is shown of it
_RECENT: Final = 1000


def newest(session: Session) -> list[EventView]:
    """The newest events, the last first."""
    is_small = func.octet_length(cast(Event.payload, Text)) <= _LARGEST_BYTES
    payload = case((is_small, Event.payload)).label("payload")
    columns = (Event.id, Event.at, Event.msg_type, Event.namespace, Event.run_id)
    query = select(*columns, Event.processed_by, payload).order_by(Event.id.desc()).limit(_SHOWN)
    return [_view(dict(row)) for row in session.execute(query).mappings()]


def _view(row: dict[str, Any]) -> EventView:
    payload = row.pop("payload")
    said = payload if isinstance(payload, dict) else {}
    sender = row.pop("processed_by") or said.get("sender")
    return EventView(**row, sender=None if sender is None else str(sender), what=gist_of(said))


def recent_types(session: Session) -> set[str]:
    """The types of the newest events: the testbed's agents may send any."""
    recent = select(Event.msg_type).order_by(Event.id.desc()).limit(_RECENT).subquery()
    return set(session.scalars(select(recent.c.msg_type).distinct()))
