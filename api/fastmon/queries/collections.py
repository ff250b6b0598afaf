"""The SQL behind the REST collections of runs, STF files and TF files. Nothing here commits.

Rows come and go in the wire's names and order (fastmon contract sections 3.6 to 3.8).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from sqlalchemy import (
    Column,
    ColumnElement,
    FromClause,
    RowMapping,
    Select,
    Table,
    case,
    delete,
    exists,
    func,
    insert,
    literal,
    null,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from blocks.errors import ProdOpsError
from flows.common.database import Base, now
from flows.fastmon.models import FastmonFile, Run, StfFile

Key = int | uuid.UUID
Record = RowMapping
Values = Mapping[str, Any]


class RecordNotFound(ProdOpsError):
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


class MadeBySampler(ProdOpsError):
    """The sampler made these TF files, so that only the ops role may write them."""

    def __init__(self, count: int) -> None:
        self.count = count
        files = "1 TF file was" if count == 1 else f"{count} TF files were"
        super().__init__(f"{files} made by the sampler, which alone may change or delete them.")


def _table(model: type[Base]) -> Table:
    table: FromClause = model.__table__
    assert isinstance(table, Table)  # noqa: S101 - what a mapped class has
    return table


_RUNS: Final = _table(Run)
_STFS: Final = _table(StfFile)
_TFS: Final = _table(FastmonFile)


@dataclass(frozen=True, kw_only=True, eq=False)
class Collection:
    """A table as REST shows it: what is read, in which order, and what it may be filtered by."""

    table: Table
    rows: Select[Any]
    order: tuple[Column[Any], ...]
    filters: Mapping[str, Column[Any]]

    @property
    def key(self) -> Column[Any]:
        """The column that names a row in a URL."""
        (key,) = self.table.primary_key.columns
        return key


RUNS: Final = Collection(
    table=_RUNS,
    rows=select(_RUNS),
    order=(_RUNS.c.run_id,),
    filters={"run_number": _RUNS.c.run_number},
)

STF_FILES: Final = Collection(
    table=_STFS,
    rows=select(
        *(column for column in _STFS.c if column.name != "run_id"), _STFS.c.run_id.label("run")
    ).join(_RUNS, _RUNS.c.run_id == _STFS.c.run_id),
    order=(_STFS.c.created_at, _STFS.c.file_id),
    filters={
        "stf_filename": _STFS.c.stf_filename,
        "run_number": _RUNS.c.run_number,
        "status": _STFS.c.status,
        "workflow_id": _STFS.c.workflow_id,
    },
)

TF_FILES: Final = Collection(
    table=_TFS,
    rows=select(
        *(column for column in _TFS.c if column.name not in {"stf_file_id", "sampled_by"}),
        _STFS.c.stf_filename.label("stf_file"),
    )
    .join(_STFS, _STFS.c.file_id == _TFS.c.stf_file_id)
    .join(_RUNS, _RUNS.c.run_id == _STFS.c.run_id),
    order=(_TFS.c.created_at, _TFS.c.tf_file_id),
    filters={
        "tf_filename": _TFS.c.tf_filename,
        "stf_filename": _STFS.c.stf_filename,
        "status": _TFS.c.status,
        # The messages' run_id is the run's number, and so it is here.
        "run_id": _RUNS.c.run_number,
        "run_number": _RUNS.c.run_number,
    },
)


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


def find_stf(session: Session, name_or_id: str) -> uuid.UUID | None:
    """Key of the STF file of that name, else of that id; None where there is none."""
    by_name = select(StfFile.file_id).where(StfFile.stf_filename == name_or_id)
    found = session.scalar(by_name)
    if found is None and (key := as_uuid(name_or_id)) is not None:
        found = session.scalar(select(StfFile.file_id).where(StfFile.file_id == key))
    return found


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
        MadeBySampler: It is a TF file of the sampler's.
        AlreadyExists: A unique value is taken.
        NoSuchParent: What it points to is not there.
    """
    table = collection.table
    if table is _TFS:
        _refuse_sampled(session, _TFS.c.tf_file_id == key)
        values = {**values, "updated_at": now()}
    new = _nulls(values) | {
        name: _merged(table.c[name], values[name]) for name in merge if values.get(name) is not None
    }
    if new:
        with _named_conflicts(table, values):
            session.execute(update(table).where(collection.key == key).values(**new))
    return get(session, collection, key)


def remove_run(session: Session, key: Key) -> None:
    """Delete a run with its STF files and their TF files.

    Raises:
        RecordNotFound: There is no such run.
        MadeBySampler: Some of the TF files are the sampler's; nothing is deleted.
    """
    # Locked from the parent down: no child can be added until the commit.
    _lock(session, RUNS, _RUNS.c.run_id == key)
    _remove_stfs(session, _STFS.c.run_id == key)
    session.execute(delete(_RUNS).where(_RUNS.c.run_id == key))


def remove_stf(session: Session, key: Key) -> None:
    """Delete an STF file with its TF files.

    Raises:
        RecordNotFound: There is no such STF file.
        MadeBySampler: Some of the TF files are the sampler's; nothing is deleted.
    """
    _lock(session, STF_FILES, _STFS.c.file_id == key)
    _remove_stfs(session, _STFS.c.file_id == key)


def remove_tf(session: Session, key: Key) -> None:
    """Delete a TF file.

    Raises:
        RecordNotFound: There is no such TF file.
        MadeBySampler: It is the sampler's.
    """
    _refuse_sampled(session, _TFS.c.tf_file_id == key)
    gone = session.scalar(delete(_TFS).where(_TFS.c.tf_file_id == key).returning(_TFS.c.tf_file_id))
    if gone is None:
        raise RecordNotFound(f"{_TFS.name} has no row {key}")


def _lock(session: Session, collection: Collection, which: ColumnElement[bool]) -> None:
    found = session.scalar(select(collection.key).where(which).with_for_update())
    if found is None:
        raise RecordNotFound(f"{collection.table.name} has no such row")


def _remove_stfs(session: Session, which: ColumnElement[bool]) -> None:
    locked = select(_STFS.c.file_id).where(which).order_by(_STFS.c.file_id).with_for_update()
    session.execute(select(func.count()).select_from(locked.subquery()))
    theirs = exists().where(which, _STFS.c.file_id == _TFS.c.stf_file_id)
    _refuse_sampled(session, theirs)
    session.execute(delete(_TFS).where(theirs))
    session.execute(delete(_STFS).where(which))


def _refuse_sampled(session: Session, which: ColumnElement[bool]) -> None:
    query = select(func.count()).select_from(_TFS).where(_TFS.c.sampled_by.is_not(None), which)
    if sampled := session.scalar(query):
        raise MadeBySampler(sampled)


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
