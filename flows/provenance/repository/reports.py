"""The SQL of completion reports. Nothing here commits."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from flows.provenance.domain.reports.changes import Changed
from flows.provenance.domain.reports.evidence import Evidence
from flows.provenance.models import (
    CampaignSweep,
    CompletionReport,
    PathMatch,
    ProducedDataset,
    RequestedPath,
)
from flows.provenance.repository.sweeps import of_campaign

_ONE_MOMENT = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")


def evidence_of(session: Session, campaign: str) -> Evidence | None:
    """All rows of a campaign, as they were at one moment: a sweep may end meanwhile.

    None where it was never swept. It must be the first that its transaction does.
    """
    session.execute(_ONE_MOMENT)
    if (sweep := session.get(CampaignSweep, campaign)) is None:
        return None
    datasets = session.scalars(select(ProducedDataset).where(of_campaign(campaign)))
    paths = session.scalars(select(RequestedPath).where(RequestedPath.campaign == campaign))
    matches = session.scalars(select(PathMatch).where(PathMatch.campaign == campaign))
    return Evidence(
        campaign=campaign,
        sweep=sweep,
        paths=tuple(paths),
        matches=tuple(matches),
        datasets={each.id: each for each in datasets},
    )


def campaigns(session: Session) -> list[str]:
    """The campaigns that were ever swept: those that can be reported on."""
    return list(session.scalars(select(CampaignSweep.campaign).order_by(CampaignSweep.campaign)))


def of_request(session: Session, request_id: int | None) -> CompletionReport | None:
    """The report that an earlier run of the request made."""
    return session.scalar(select(CompletionReport).where(CompletionReport.request_id == request_id))


def before(session: Session, campaign: str, *, for_mail: bool) -> Changed | None:
    """The report to compare with: for a mail, that of the mail before, where there was one.

    Who reads the mails then learns of all changes, whatever was reported on the pages meanwhile.
    """
    of = select(CompletionReport).where(CompletionReport.campaign == campaign)
    newest = of.order_by(CompletionReport.id.desc()).limit(1)
    found = None
    if for_mail:
        found = session.scalar(newest.where(CompletionReport.mailed_at.is_not(None)))
    found = found or session.scalar(newest)
    return Changed(found.id, found.made_at, found.body) if found is not None else None


def add(session: Session, report: CompletionReport) -> CompletionReport:
    """Add the report of a request, unless it has one: by a commit whose answer was lost."""
    if (made := of_request(session, report.request_id)) is not None:
        return made
    session.add(report)
    session.flush()
    return report


def note_mail(session: Session, report_id: int, **values: Any) -> None:
    """Note how far its mail is: mail_begun_at, mailed_at, mail_error."""
    session.execute(
        update(CompletionReport).where(CompletionReport.id == report_id).values(**values)
    )
