"""The SQL of any REST collection: a table as it is read, filtered and written. Nothing commits.

Rows come and go in the wire's names and order.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from sqlalchemy import (
    Column,
    ColumnElement,
    FromClause,
    RowMapping,
    Select,
    Table,
    case,
    func,
    insert,
    literal,
    null,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from blocks.errors import NotFound, ProdOpsError
from flows.common.database import Base, now

Key = int | uuid.UUID
Record = RowMapping
Values = Mapping[str, Any]


class RecordNotFound(NotFound):
    """A collection has no row of that key."""


class AlreadyExists(ProdOpsError):
    """Another row has this value of a column that is unique."""

    def __init__(self, column: str) -> None:
        self.column = column
        super().__init__(f"another row has this {column}")


class NoSuchParent(ProdOpsError):
    """The row that a column points to is not there."""

    def __init__(self, column: str, value: object) -> None:
        self.column = column
        self.value = value
        super().__init__(f"there is no row that {column} {value} names")


def table_of(model: type[Base]) -> Table:
    """The table of a mapped class."""
    table: FromClause = model.__table__
    assert isinstance(table, Table)  # noqa: S101 - what a mapped class has
    return table


def _unguarded(_session: Session, _which: ColumnElement[bool]) -> None:
    return None


@dataclass(frozen=True, kw_only=True, eq=False)
class Collection:
    """A table as REST shows it: what is read, in which order, and what it may be filtered by.

    Attributes:
        guard: Raises where one of the rows that a condition names may not be changed.
    """

    table: Table
    rows: Select[Any]
    order: tuple[Column[Any], ...]
    filters: Mapping[str, Column[Any]]
    guard: Callable[[Session, ColumnElement[bool]], None] = _unguarded

    @property
    def key(self) -> Column[Any]:
        """The column that names a row in a URL."""
        (key,) = self.table.primary_key.columns
        return key


# ------------------------------------------------------------------ reading


def get(session: Session, collection: Collection, key: Key) -> Record:
    """The row of that key.

    Raises:
        RecordNotFound: There is none.
    """
    row = session.execute(collection.rows.where(collection.key == key)).mappings().one_or_none()
    if row is None:
        raise RecordNotFound(f"{collection.table.name} has no row {key}")
    return row


def count(session: Session, collection: Collection, wanted: Values) -> int:
    """How many rows the filters leave."""
    query = _filtered(collection, wanted)
    found = query.with_only_columns(func.count(), maintain_column_froms=True)
    return session.scalar(found) or 0


def page(
    session: Session, collection: Collection, wanted: Values, *, limit: int, offset: int
) -> Sequence[Record]:
    """Rows that the filters leave, oldest first, from the one at `offset`."""
    query = _filtered(collection, wanted).order_by(*collection.order)
    return session.execute(query.limit(limit).offset(offset)).mappings().all()


def rows_after(
    session: Session, collection: Collection, wanted: Values, *, last: Record | None, limit: int
) -> Sequence[Record]:
    """Rows that the filters leave, oldest first, after the row `last`."""
    query = _filtered(collection, wanted).order_by(*collection.order)
    if last is not None:
        place = tuple_(*(literal(last[each.name], each.type) for each in collection.order))
        query = query.where(tuple_(*collection.order) > place)
    return session.execute(query.limit(limit)).mappings().all()


def _filtered(collection: Collection, wanted: Values) -> Select[Any]:
    return collection.rows.where(
        *(collection.filters[name] == value for name, value in wanted.items())
    )


def as_uuid(text: str) -> uuid.UUID | None:
    """The UUID that the text spells, None where it spells none."""
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


# ------------------------------------------------------------------ writing


def add(session: Session, collection: Collection, values: Values) -> Record:
    """Insert a row; gives it as it reads.

    Raises:
        AlreadyExists: A unique value is taken.
        NoSuchParent: What it points to is not there.
    """
    with _named_conflicts(collection.table, values):
        key = session.scalar(
            insert(collection.table).values(**_nulls(values)).returning(collection.key)
        )
    assert key is not None  # noqa: S101 - an insert without conflict clause returns its row
    return get(session, collection, key)


def change(
    session: Session, collection: Collection, key: Key, values: Values, *, merge: Iterable[str] = ()
) -> Record:
    """Change a row's columns; JSON objects of the columns in `merge` are merged into what is there.

    Raises:
        RecordNotFound: There is no such row.
        ProdOpsError: Its guard says no.
        AlreadyExists: A unique value is taken.
        NoSuchParent: What it points to is not there.
    """
    table = collection.table
    collection.guard(session, collection.key == key)
    if "updated_at" in table.c:
        values = {**values, "updated_at": now()}
    new = _nulls(values) | {
        name: _merged(table.c[name], values[name]) for name in merge if values.get(name) is not None
    }
    if new:
        with _named_conflicts(table, values):
            session.execute(update(table).where(collection.key == key).values(**new))
    return get(session, collection, key)


def _nulls(values: Values) -> dict[str, Any]:
    """None as SQL's NULL in every column: a JSON column would keep it as JSON's null."""
    return {name: null() if value is None else value for name, value in values.items()}


def _merged(column: Column[Any], value: Any) -> ColumnElement[Any]:
    kept = case((func.jsonb_typeof(column) == "object", column), else_=literal({}, JSONB))
    return kept.op("||")(literal(value, JSONB))


@contextmanager
def _named_conflicts(table: Table, values: Values) -> Iterator[None]:
    """A broken constraint as the fact that it stands for: only the database sees every race."""
    try:
        yield
    except IntegrityError as error:
        broken = error.orig.diag.constraint_name if isinstance(error.orig, psycopg.Error) else None
        for column in table.columns:
            if broken == f"{table.name}_{column.name}_key":
                raise AlreadyExists(column.name) from error
            if broken == f"{table.name}_{column.name}_fkey":
                raise NoSuchParent(column.name, values[column.name]) from error
        raise
