"""How any record is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from flows.common.database import Base, now

_Row = TypeVar("_Row", bound=Base)


def add(session: Session, row: _Row) -> _Row:
    """The new row, as it is in the database."""
    session.add(row)
    session.flush()
    session.refresh(row)  # numbers have the column's decimals
    return row


def change(session: Session, row: _Row, values: Mapping[str, Any]) -> _Row:
    """The row with these columns, as it is in the database."""
    for name, value in values.items():
        setattr(row, name, value)
    if hasattr(row, "updated_at"):
        row.updated_at = now()
    session.flush()
    session.refresh(row)
    return row


def remove(session: Session, row: Base) -> None:
    """Delete the row.

    Raises:
        IntegrityError: Another row points to it.
    """
    session.delete(row)
    session.flush()
