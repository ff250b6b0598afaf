"""The completion report of a campaign: made of what the last sweep left, kept, and mailed.

Source: ops contract section 3.8, which leaves its form open.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from prefect import flow

from blocks.errors import ProdOpsError
from flows.common import requests
from flows.common.database import now, transaction
from flows.common.requests import ClaimLost
from flows.provenance import ledger
from flows.provenance.ledger import End, ProvenanceFailed
from flows.provenance.models import CompletionReport
from flows.provenance.reports import as_markdown, kept, posting
from flows.provenance.reports.body import make_body
from flows.provenance.reports.posting import Mailing
from flows.provenance.snapshot import NoCurrentCampaign
from flows.provenance.steps import step
from flows.provenance.workplace import opened, workplace

_ACTION: Final = "report_completion"
_CURRENT: Final = "current"
_MOST_NAMED: Final = 20


class CampaignNeverSwept(ProdOpsError):
    """There is nothing to report: nobody has looked at the campaign."""

    def __init__(self, campaign: str, known: Sequence[str]) -> None:
        self.campaign = campaign
        shown = ", ".join(known[:_MOST_NAMED]) or "none"
        super().__init__(f"campaign {campaign!r} was never looked at; there are: {shown}")


@flow(name="report-completion", persist_result=False)
def report_completion(
    campaign: str | None = None,
    mail: bool = True,  # noqa: FBT001, FBT002 - of the action's form
    created_by: str = "",  # noqa: ARG001 - of the action's form
) -> dict[str, Any]:
    """Report how complete a campaign is; the present one where none is named.

    Returns:
        campaign, report_id, mailed (whether), mail (in words), counts.
    """
    with opened():
        try:
            report = _keep_report(campaign, mail=mail)
            mailing = _mail(report) if mail else None
            return _end(report, mailing)
        except (ClaimLost, ProvenanceFailed):
            raise
        except ProdOpsError as error:
            _announce_failure(campaign, str(error))
            raise


@step("make the report")
def _keep_report(campaign: str | None, *, mail: bool) -> CompletionReport:
    """The report of this request: that of an earlier run, or a new one."""
    place = workplace()
    with transaction(place.engine) as session:
        made = kept.of_request(session, place.holder.request_id)
    return made or _make_report(campaign or _present_campaign(), mail=mail)


def _make_report(campaign: str, *, mail: bool) -> CompletionReport:
    place = workplace()
    configured = place.settings.provenance
    made_at = now()
    with transaction(place.engine) as session:
        kept.hold_still(session)
        requests.fence(session, place.holder)
        evidence = kept.evidence_of(session, campaign)
        if evidence.sweep is None:
            raise CampaignNeverSwept(campaign, kept.campaigns(session))
        is_mailed = mail and configured.mail_block is not None
        before = kept.before(session, campaign, for_mail=is_mailed)
        body = make_body(
            evidence,
            made_at=made_at,
            stale_after=timedelta(hours=configured.stale_hours),
            before=before,
        )
        return kept.add(
            session,
            request_id=place.holder.request_id,
            body=body,
            markdown=as_markdown.text(body),
            made_at=made_at,
            previous_id=before.id if before is not None else None,
        )


def _present_campaign() -> str:
    """The campaign that PCS calls current.

    Raises:
        NoCurrentCampaign: It calls none so.
    """
    survey = workplace().pcs.catalogue.survey()
    current = sorted(each.name for each in survey.campaigns if each.lifecycle == _CURRENT)
    if not current:
        raise NoCurrentCampaign
    return current[-1]


def _mail(report: CompletionReport) -> Mailing:
    block = workplace().settings.provenance.mail_block
    if block is None:
        return Mailing(is_mailed=False)
    return posting.mail(report, block)


def _end(report: CompletionReport, mailing: Mailing | None) -> dict[str, Any]:
    told = {
        "campaign": report.campaign,
        "report_id": report.id,
        "mailed": mailing is not None and mailing.is_mailed,
        "mail": _in_words(mailing),
        "counts": report.body["counts"],
    }
    error = None
    if mailing is not None and mailing.has_failed:
        error = f"report {report.id} is kept, but its mail: {mailing.error}"
    _close(told, report.campaign, error)
    if error is not None:
        raise ProvenanceFailed(error)
    return told


@step("end the report")
def _close(told: dict[str, Any], campaign: str, error: str | None) -> None:
    end = End(action=_ACTION, told=told, subject=campaign, result=told, error=error)
    try:
        ledger.record(end)
    except ClaimLost:
        if not ledger.has_ended():  # by a commit whose answer was lost
            raise


def _in_words(mailing: Mailing | None) -> str:
    if mailing is None:
        return "not mailed: nobody asked for it"
    if mailing.is_mailed:
        return "mailed" if mailing.error is None else f"mailed, but {mailing.error}"
    return (
        mailing.error or "not mailed: no notification block is set (PRODOPS_PROVENANCE_MAIL_BLOCK)"
    )


@step("announce the failure")
def _announce_failure(campaign: str | None, error: str) -> None:
    told = {"campaign": campaign, "report_id": None}
    ledger.record(End(action=_ACTION, told=told, subject=campaign or "current", error=error))
