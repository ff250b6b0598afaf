"""The completion report of a campaign, made of what the last sweep left, and its mail.

Source: ops contract section 3.8, which leaves the report's form open. The mail is sent once, as
far as SMTP lets anybody know. Just before the content goes to the relay, that is written down;
after the relay's answer, the answer. A run that ends between the two leaves it unknown, and the
mail is not sent again by itself: a report that is asked for anew has a mail of its own, with the
changes since the last mail that is known to have been taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from prefect import get_run_logger
from pydantic import BaseModel

from blocks.errors import NotFound
from blocks.notification import (
    Attachment,
    DeliveryUnknown,
    Mail,
    MailUnaccepted,
    RelayUnavailable,
    load_sender,
)
from flows.common import holding, run
from flows.common.credential_paths import credential_paths, paths_of
from flows.common.database import now, transaction
from flows.provenance.actions import ReportCompletion
from flows.provenance.domain.reports import as_csv, as_markdown
from flows.provenance.domain.reports.body import make_body
from flows.provenance.models import CompletionReport
from flows.provenance.repository import reports
from flows.provenance.tasks import pcs
from flows.provenance.tasks.common import task

_MOST_NAMED: Final = 20
_UNKNOWN: Final = "not known to be mailed: a run ended while the relay had the mail"


class CampaignNeverSwept(NotFound):
    """There is nothing to report: the campaign was never swept."""

    def __init__(self, campaign: str, known: Sequence[str]) -> None:
        shown = ", ".join(known[:_MOST_NAMED]) or "none"
        super().__init__(f"campaign {campaign!r} was never looked at; there are: {shown}")


@dataclass(frozen=True)
class Mailing:
    """What became of the mail; an error of one that was mailed names who did not get it."""

    is_mailed: bool
    error: str | None = None

    def in_words(self) -> str:
        """What became of it, for people."""
        if self.is_mailed:
            return "mailed" if self.error is None else f"mailed, but {self.error}"
        return self.error or (
            "not mailed: no notification block is set (PRODOPS_PROVENANCE_MAIL_BLOCK)"
        )


# ------------------------------------------------------------------ the report


@task("make the report")
def make_report(form: ReportCompletion) -> CompletionReport:
    """The report of this request: that of an earlier run, or a new one.

    Raises:
        CampaignNeverSwept: There is nothing to report.
        NoCurrentCampaign: None is named, and PCS calls none current.
    """
    present = run.current()
    request_id = present.claim.request_id
    made = present.read(lambda session: reports.of_request(session, request_id))
    return made or _make_report(form.campaign or pcs.current_campaign(), for_mail=form.mail)


def _make_report(campaign: str, *, for_mail: bool) -> CompletionReport:
    present, made_at = run.current(), now()
    configured = present.settings.provenance
    evidence = present.read(lambda session: reports.evidence_of(session, campaign))
    if evidence is None:
        raise CampaignNeverSwept(campaign, present.read(reports.campaigns))
    is_mailed = for_mail and configured.mail_block is not None
    before = present.read(lambda session: reports.before(session, campaign, for_mail=is_mailed))
    stale_after = timedelta(hours=configured.stale_hours)
    body = make_body(evidence, made_at=made_at, stale_after=stale_after, before=before)
    report = CompletionReport(
        campaign=campaign,
        made_at=made_at,
        request_id=present.claim.request_id,
        previous_id=before.id if before is not None else None,
        body=body,
        markdown=as_markdown.text(body),
    )
    return present.write(lambda session, _: reports.add(session, report))


# ------------------------------------------------------------------ its mail


def mail(report: CompletionReport) -> Mailing:
    """Mail the report, unless that was done or begun; note what came of it."""
    block = run.current().settings.provenance.mail_block
    if block is None:
        return Mailing(is_mailed=False)
    if report.mailed_at is not None:
        return Mailing(is_mailed=True, error=report.mail_error)
    if report.mail_begun_at is not None:
        return note_mailing(report.id, Mailing(is_mailed=False, error=_UNKNOWN))
    try:
        refused = _hand_over(report, block)
    except DeliveryUnknown as error:
        return note_mailing(report.id, Mailing(is_mailed=False, error=str(error)))
    except MailUnaccepted as error:
        failed = Mailing(is_mailed=False, error=str(error))
        return note_mailing(report.id, failed, mail_begun_at=None)
    lost = "; ".join(f"{who} did not get it: {why}" for who, why in sorted(refused.items()))
    return note_mailing(report.id, Mailing(is_mailed=True, error=lost or None), mailed_at=now())


@task("mail the report")
def _hand_over(report: CompletionReport, block: str) -> dict[str, str]:
    sender, present = load_sender(block), run.current()
    get_run_logger().info("notifications from block %s", block)
    if isinstance(sender, BaseModel):
        credential_paths.add(paths_of(sender))

    def handing_over() -> None:
        # Once: the relay waits, and would not wait through an outage of the database.
        with transaction(present.engine) as session:
            holding.fence(session, present.claim)
            reports.note_mail(session, report.id, mail_begun_at=now())

    try:
        return sender.send(_mail_of(report), handing_over=handing_over)
    except RelayUnavailable:
        _note(report.id, mail_begun_at=None)  # this task is repeated
        raise


@task("note the mail")
def note_mailing(report_id: int, mailing: Mailing, **values: Any) -> Mailing:
    """Note what came of the mail, with the times that are given."""
    _note(report_id, mail_error=mailing.error, **values)
    return mailing


def _note(report_id: int, **values: Any) -> None:
    run.current().write(lambda session, _: reports.note_mail(session, report_id, **values))


def _mail_of(report: CompletionReport) -> Mail:
    name = f"completion-{report.campaign}-{report.made_at:%Y%m%d}.csv"
    return Mail(
        subject=as_markdown.headline(report.body),
        body=report.markdown,
        key=f"prodops.completion-report.{report.id}.{report.made_at:%Y%m%dT%H%M%S}",
        attachments=(Attachment(name, "text/csv", as_csv.table(report.body)),),
    )
