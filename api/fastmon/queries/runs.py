"""Data-taking runs with their STF files, counted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, Select, func, select
from sqlalchemy.orm import Session

from flows.fastmon.models import FileStatus, Run, StfFile


def page(
    session: Session, *, since: datetime, until: datetime | None, limit: int, offset: int
) -> tuple[int, Sequence[RowMapping]]:
    """How many runs began in that time, and so many of them, the newest first."""
    wanted = [Run.start_time >= since]
    wanted += [Run.start_time <= until] if until is not None else []
    total = session.scalar(select(func.count()).select_from(Run).where(*wanted))
    last_first = _query().where(*wanted).order_by(Run.start_time.desc(), Run.run_id.desc())
    return total or 0, session.execute(last_first.limit(limit).offset(offset)).mappings().all()


def find(session: Session, run_number: int) -> RowMapping | None:
    """The run of that number; None where there is none."""
    query = _query().where(Run.run_number == run_number)
    return session.execute(query).mappings().one_or_none()


def files_by_status(session: Session, run_number: int) -> dict[str, int]:
    """How many STF files of a run have each status."""
    query = select(StfFile.status, func.count()).join(Run, Run.run_id == StfFile.run_id)
    found = session.execute(query.where(Run.run_number == run_number).group_by(StfFile.status))
    counts = {each.value: 0 for each in FileStatus}
    counts.update({str(status): number for status, number in found})
    return counts


def _query() -> Select[Any]:
    """Runs, each with its number of STF files, which is counted for those that are shown alone."""
    files = select(func.count()).where(StfFile.run_id == Run.run_id).scalar_subquery()
    return select(
        Run.run_number,
        Run.start_time,
        Run.end_time,
        Run.run_conditions,
        files.label("stf_file_count"),
    )
