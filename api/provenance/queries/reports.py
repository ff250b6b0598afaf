"""Completion reports that were made."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session, defer

from blocks.errors import NotFound
from flows.provenance.models import ArrivalsSweep, CompletionReport


def reports(
    session: Session, *, campaign: str | None = None, limit: int = 100
) -> list[CompletionReport]:
    """The newest reports, without their contents."""
    query = select(CompletionReport).order_by(CompletionReport.id.desc()).limit(limit)
    if campaign:
        query = query.where(CompletionReport.campaign == campaign)
    bodies = (defer(CompletionReport.body), defer(CompletionReport.markdown))
    return list(session.scalars(query.options(*bodies)))


def report(session: Session, key: int) -> CompletionReport:
    """One report.

    Raises:
        NotFound: There is none of that key.
    """
    found = session.get(CompletionReport, key)
    if found is None:
        raise NotFound(f"No completion report {key}")
    return found


def next_of(session: Session, found: CompletionReport) -> int | None:
    """Key of the campaign's report that came after this one."""
    later = select(CompletionReport.id).where(
        CompletionReport.campaign == found.campaign, CompletionReport.id > found.id
    )
    return session.scalar(later.order_by(CompletionReport.id).limit(1))


def arrivals(session: Session, *, limit: int = 100) -> list[ArrivalsSweep]:
    """The newest sweeps of the arrivals."""
    newest = select(ArrivalsSweep).order_by(ArrivalsSweep.id.desc()).limit(limit)
    return list(session.scalars(newest))
