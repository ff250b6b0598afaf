"""The SQL that deletes old history, in bounded pieces. Nothing here commits."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from flows.common.models import Event, RelayedState

PIECE = 20_000


def delete_piece(session: Session, model: type[Event | RelayedState], before: datetime) -> int:
    """Delete a piece of a table's rows of before that time, the oldest; gives their number."""
    (key,) = model.__table__.primary_key
    oldest = select(key).where(model.at < before).order_by(model.at).limit(PIECE)
    return session.connection().execute(delete(model).where(key.in_(oldest))).rowcount
