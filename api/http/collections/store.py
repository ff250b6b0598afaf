"""The SQL of any REST collection: a table as it is read, filtered and written. Nothing commits.

Rows come and go in the wire's names and order.
"""

from __future__ import annotations

import operator
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import psycopg
from sqlalchemy import (
    Column,
    ColumnElement,
    FromClause,
    RowMapping,
    Select,
    Table,
    UniqueConstraint,
    case,
    delete,
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
from sqlalchemy.sql.elements import KeyedColumnElement

from api.http import counts, fields
from blocks.errors import Invalid, NotFound
from flows.common.database import Base, now

Key = int | str | uuid.UUID
Record = RowMapping
Values = Mapping[str, Any]


def table_of(model: type[Base]) -> Table:
    """The table of a mapped class."""
    table: FromClause = model.__table__
    assert isinstance(table, Table)  # noqa: S101 - what a mapped class has
    return table


def _unguarded(_session: Session, _which: ColumnElement[bool]) -> None:
    return None


class Filter(NamedTuple):
    """A query parameter: the column of its values, what it means, and their condition."""

    column: ColumnElement[Any]
    meaning: str
    compare: Callable[[Any, Any], Any] = operator.eq


@dataclass(frozen=True, kw_only=True, eq=False)
class Collection:
    """A table as REST shows it: what is read, in which order, and what it may be filtered by.

    Attributes:
        name: What a row is called.
        words: The same in lower-case words, as texts spell it.
        columns: Columns of the fields that are called otherwise in the table.
        find: Gives the row of a key, where `rows` has others than those of the table.
        counted: What has as many rows as `rows`, and is counted sooner; None: nothing has.
        guard: Raises where one of the rows that a condition names may not be changed.
    """

    name: str
    words: str
    table: Table
    rows: Select[Any]
    order: tuple[KeyedColumnElement[Any], ...]
    filters: Mapping[str, Filter]
    columns: Mapping[str, str] = field(default_factory=dict)
    find: Callable[[Session, Key], Record | None] | None = None
    counted: Select[Any] | None = None
    guard: Callable[[Session, ColumnElement[bool]], None] = _unguarded

    @property
    def key(self) -> Column[Any]:
        """The column that names a row in a URL."""
        (key,) = self.table.primary_key.columns
        return key

    def not_found(self) -> NotFound:
        """There is none of that key."""
        return NotFound(f"No {self.name} matches the given query.")


# ------------------------------------------------------------------ reading


def get(session: Session, collection: Collection, key: Key) -> Record:
    """The row of that key.

    Raises:
        NotFound: There is none.
    """
    find = collection.find or partial(_find, collection)
    row = find(session, key)
    if row is None:
        raise collection.not_found()
    return row


def _find(collection: Collection, session: Session, key: Key) -> Record | None:
    query = collection.rows.where(collection.key == key)
    return session.execute(query).mappings().one_or_none()


def count(session: Session, collection: Collection, wanted: Values) -> int:
    """How many rows the filters leave; very many are estimated, see `api.http.counts`."""
    if not wanted and collection.counted is not None:
        return counts.count(session, collection.counted)
    return counts.count(session, _filtered(collection, wanted))


def page(
    session: Session, collection: Collection, wanted: Values, *, limit: int, offset: int
) -> Sequence[Record]:
    """Rows that the filters leave, oldest first, from the one at `offset`."""
    query = _filtered(collection, wanted).order_by(*collection.order)
    return session.execute(query.limit(limit).offset(offset)).mappings().all()


def newest(
    session: Session,
    collection: Collection,
    *wanted: ColumnElement[bool],
    order: Sequence[ColumnElement[Any]] = (),
    limit: int,
    offset: int,
) -> tuple[int, Sequence[Record]]:
    """How many rows the conditions leave, and so many of them from an offset on, newest first.

    Args:
        session: The database.
        collection: Whose rows.
        *wanted: What holds for each.
        order: In what order, where it is not the collection's turned round. "Nulls last" would
            keep PostgreSQL from reading by an index: it is for small tables.
        limit: How many at most.
        offset: How many are left out before.
    """
    query = collection.rows.where(*wanted)
    last_first = order or [each.desc() for each in collection.order]
    rows = session.execute(query.order_by(*last_first).limit(limit).offset(offset))
    return counts.count(session, query), rows.mappings().all()


def rows_after(
    session: Session, collection: Collection, wanted: Values, *, last: Record | None, limit: int
) -> Sequence[Record]:
    """Rows that the filters leave, oldest first, after the row `last`."""
    query = _filtered(collection, wanted).order_by(*collection.order)
    if last is not None:
        place = tuple_(*(literal(last[each.key], each.type) for each in collection.order))
        query = query.where(tuple_(*collection.order) > place)
    return session.execute(query.limit(limit)).mappings().all()


def _filtered(collection: Collection, wanted: Values) -> Select[Any]:
    return collection.rows.where(
        *(
            each.compare(each.column, value)
            for each, value in ((collection.filters[name], wanted[name]) for name in wanted)
        )
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
        Invalid: A unique value is taken, or what it points to is not there.
    """
    with _named_conflicts(collection, values):
        key: Key | None = session.scalar(
            insert(collection.table).values(**_nulls(values)).returning(collection.key)
        )
    assert key is not None  # noqa: S101 - an insert without conflict clause returns its row
    return get(session, collection, key)


def change(
    session: Session, collection: Collection, key: Key, values: Values, *, merge: Iterable[str] = ()
) -> Record:
    """Change a row's columns; JSON objects of the columns in `merge` are merged into what is there.

    Raises:
        NotFound: There is no such row.
        ProdOpsError: Its guard says no.
        Invalid: A unique value is taken, or what it points to is not there.
    """
    table = collection.table
    collection.guard(session, collection.key == key)
    if "updated_at" in table.c:
        values = {**values, "updated_at": now()}
    new = _nulls(values) | {
        name: _merged(table.c[name], values[name]) for name in merge if values.get(name) is not None
    }
    if new:
        with _named_conflicts(collection, values):
            session.execute(update(table).where(collection.key == key).values(**new))
    return get(session, collection, key)


def remove(session: Session, collection: Collection, key: Key) -> None:
    """Delete a row, and what the database deletes with it.

    Raises:
        NotFound: There is no such row.
        ProdOpsError: Its guard says no.
    """
    collection.guard(session, collection.key == key)
    gone = delete(collection.table).where(collection.key == key).returning(collection.key)
    if session.scalar(gone) is None:
        raise collection.not_found()


def _nulls(values: Values) -> dict[str, Any]:
    """None as SQL's NULL in every column: a JSON column would keep it as JSON's null."""
    return {name: null() if value is None else value for name, value in values.items()}


def _merged(column: Column[Any], value: Any) -> ColumnElement[Any]:
    kept = case((func.jsonb_typeof(column) == "object", column), else_=literal({}, JSONB))
    return kept.op("||")(literal(value, JSONB))


@contextmanager
def _named_conflicts(collection: Collection, values: Values) -> Iterator[None]:
    """A broken constraint in the wire's words: only the database sees every race."""
    try:
        yield
    except IntegrityError as error:
        broken = error.orig.diag.constraint_name if isinstance(error.orig, psycopg.Error) else None
        if broken is not None and (errors := _conflict(collection, values, broken)):
            raise Invalid(errors) from None
        raise


def _conflict(collection: Collection, values: Values, broken: str) -> dict[str, list[str]]:
    """What is wrong by field, where that constraint is broken; nothing for any other."""
    table = collection.table
    field_of = {column: name for name, column in collection.columns.items()}
    taken = {f"{table.name}_pkey": collection.key.name}
    taken |= {f"{table.name}_{each.name}_key": each.name for each in table.columns}
    if name := taken.get(broken):
        text = f"{collection.words} with this {name.replace('_', ' ')} already exists."
        return {name: [text]}
    for column in table.columns:
        if broken == f"{table.name}_{column.name}_fkey":
            return {
                field_of.get(column.name, column.name): [fields.no_such_key(values[column.name])]
            }
    for constraint in table.constraints:
        if isinstance(constraint, UniqueConstraint) and constraint.name == broken:
            names = ", ".join(field_of.get(each.name, each.name) for each in constraint.columns)
            return {"non_field_errors": [f"The fields {names} must make a unique set."]}
    return {}
