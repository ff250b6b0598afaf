"""What the reading SQL of every table shares: rows by key, and values that no other row has."""

from __future__ import annotations

import re
from typing import Any, TypeVar

from sqlalchemy import Select, SQLColumnExpression, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from api.http.fields import MAX_INTEGER, no_such_key
from blocks.errors import Invalid, NotFound
from flows.common.database import Base

_Row = TypeVar("_Row", bound=Base)
_MOST_DIGITS = len(str(MAX_INTEGER))


def by_key(session: Session, model: type[_Row], key: int, *, is_locked: bool = False) -> _Row:
    """The row of that key, locked to the end of the transaction where it is to change.

    Raises:
        NotFound: There is none.
    """
    if (found := session.get(model, key, with_for_update=is_locked or None)) is None:
        raise no_match(model)
    return found


def no_match(model: type[Base]) -> NotFound:
    """That no row of the table has the key."""
    return NotFound(f"No {model.__name__} matches the given query.")


def key_of(text: str | int) -> int | None:
    """The key that the text spells; None where it spells none."""
    digits = str(text)
    is_number = digits.isascii() and digits.isdecimal() and len(digits) <= _MOST_DIGITS
    return int(digits) if is_number and int(digits) <= MAX_INTEGER else None


def unknown(field: str, key: object) -> Invalid:
    """That a field names a row that is not there."""
    return Invalid({field: [no_such_key(key)]})


def equal(
    query: Select[tuple[_Row]], wanted: object, **columns: SQLColumnExpression[Any]
) -> Select[tuple[_Row]]:
    """The query of the rows whose columns have the values of a filter's fields, where set."""
    values = {name: getattr(wanted, name) for name in columns}
    return query.where(
        *(columns[name] == each for name, each in values.items() if each is not None)
    )


def paged(
    session: Session, query: Select[tuple[_Row]], *, limit: int, offset: int
) -> tuple[int, list[_Row]]:
    """How many rows a query has, and so many of them from an offset on."""
    count = session.scalar(select(func.count()).select_from(query.order_by(None).subquery()))
    return count or 0, list(session.scalars(query.limit(limit).offset(offset)))


def listed(session: Session, wanted: object, *, model: type[_Row]) -> list[_Row]:
    """The rows whose columns have the values of a filter's fields, where set; by key."""
    values = {name: value for name, value in vars(wanted).items() if value is not None}
    query = select(model).filter_by(**values)
    return list(session.scalars(query.order_by(*model.__table__.primary_key)))


def require_free(
    session: Session, column: InstrumentedAttribute[Any], value: object, *, of: Base | None = None
) -> None:
    """Let only a value pass that no row but `of` has.

    Raises:
        Invalid: Another row has it.
    """
    found = session.scalar(select(column.class_).where(column == value))
    if found is not None and found is not of:
        words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", column.class_.__name__).lower()
        raise Invalid({column.key: [f"{words} with this {column.key} already exists."]})
