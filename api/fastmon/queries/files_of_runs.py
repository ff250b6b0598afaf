"""STF files, TF files and TF slices as their rows record them, each with what it is of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Select, func, select
from sqlalchemy.orm import Session

from api.http import counts
from flows.fastmon.models import FastmonFile, Run, StfFile, TfSlice

Wanted = Sequence[ColumnElement[bool]]


def stf_query() -> Select[Any]:
    """STF files, each with its run's number and how many TF files were made of it."""
    made = select(func.count()).where(FastmonFile.stf_file_id == StfFile.file_id)
    return select(
        *(column for column in StfFile.__table__.c if column.name != "run_id"),
        Run.run_number,
        made.scalar_subquery().label("tf_file_count"),
    ).join_from(StfFile, Run, Run.run_id == StfFile.run_id)


def tf_query() -> Select[Any]:
    """TF files, each with its STF file's name and its run's number."""
    return (
        select(
            *(column for column in FastmonFile.__table__.c if column.name != "stf_file_id"),
            StfFile.stf_filename,
            Run.run_number,
        )
        .join_from(FastmonFile, StfFile, StfFile.file_id == FastmonFile.stf_file_id)
        .join(Run, Run.run_id == StfFile.run_id)
    )


def slice_query() -> Select[Any]:
    """TF slices, each with the names of its TF file and its STF file."""
    return (
        select(
            *(column for column in TfSlice.__table__.c if column.name != "tf_filename"),
            FastmonFile.tf_filename,
            StfFile.stf_filename,
        )
        .join_from(TfSlice, FastmonFile, FastmonFile.tf_file_id == TfSlice.fastmon_file_id)
        .join(StfFile, StfFile.file_id == FastmonFile.stf_file_id)
    )


def page(
    session: Session,
    query: Select[Any],
    model: Any,
    *,
    own: Wanted,
    of_others: Wanted,
    limit: int,
    offset: int,
) -> tuple[int, Sequence[RowMapping]]:
    """How many rows the conditions leave, and so many of them, the newest first.

    Args:
        session: The database.
        query: The rows with what they are of.
        model: What the rows are; each has all that it is of, so that they are counted alone.
        own: Conditions on the rows' own columns.
        of_others: Conditions on what they are of.
        limit: How many at most.
        offset: How many are left out before.
    """
    found = query.where(*own, *of_others)
    counted = found if of_others else select(model).where(*own)
    rows = session.execute(found.order_by(model.created_at.desc()).limit(limit).offset(offset))
    return counts.count(session, counted), rows.mappings().all()


def one(session: Session, query: Select[Any], *wanted: ColumnElement[bool]) -> RowMapping | None:
    """The row that the conditions leave; None where there is none."""
    return session.execute(query.where(*wanted)).mappings().first()
