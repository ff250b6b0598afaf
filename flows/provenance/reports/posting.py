"""The mail of a completion report: sent once, as far as SMTP lets anybody know.

Just before the content goes to the relay, that is written down; after the relay's answer, the
answer. A run that ends between the two leaves it unknown, and the mail is not sent again by
itself: a report that is asked for anew has a mail of its own, with the changes since the last
mail that is known to have been taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from blocks.notification import (
    Attachment,
    DeliveryUnknown,
    Mail,
    MailUnaccepted,
    RelayUnavailable,
    load_sender,
)
from flows.common import requests
from flows.common.database import now, transaction
from flows.provenance.models import CompletionReport
from flows.provenance.reports import as_csv, as_markdown, kept
from flows.provenance.steps import step
from flows.provenance.workplace import workplace

_UNKNOWN: Final = "not known to be mailed: a run ended while the relay had the mail"


@dataclass(frozen=True)
class Mailing:
    """What became of the mail; an error of one that was mailed names who did not get it."""

    is_mailed: bool
    error: str | None = None

    @property
    def has_failed(self) -> bool:
        """Whether it was to be mailed, and is not known to be."""
        return not self.is_mailed and self.error is not None


def mail(report: CompletionReport, block: str) -> Mailing:
    """Mail the report through the block, unless that was done or begun; note what came of it."""
    if report.mailed_at is not None:
        return Mailing(is_mailed=True, error=report.mail_error)
    if report.mail_begun_at is not None:
        return _noted(report.id, Mailing(is_mailed=False, error=_UNKNOWN))
    try:
        refused = _hand_over(report, block)
    except DeliveryUnknown as error:
        return _noted(report.id, Mailing(is_mailed=False, error=str(error)))
    except MailUnaccepted as error:
        return _noted(report.id, Mailing(is_mailed=False, error=str(error)), mail_begun_at=None)
    lost = "; ".join(f"{who} did not get it: {why}" for who, why in sorted(refused.items()))
    return _noted(report.id, Mailing(is_mailed=True, error=lost or None), mailed_at=now())


@step("mail the report")
def _hand_over(report: CompletionReport, block: str) -> dict[str, str]:
    sender = load_sender(block)

    def handing_over() -> None:
        _note(report.id, mail_begun_at=now())

    try:
        return sender.send(_mail_of(report), handing_over=handing_over)
    except RelayUnavailable:
        _note(report.id, mail_begun_at=None)  # this step is repeated
        raise


@step("note the mail")
def _noted(report_id: int, mailing: Mailing, **values: Any) -> Mailing:
    _note(report_id, mail_error=mailing.error, **values)
    return mailing


def _note(report_id: int, **values: Any) -> None:
    place = workplace()
    with transaction(place.engine) as session:
        requests.fence(session, place.holder)
        kept.note_mail(session, report_id, **values)


def _mail_of(report: CompletionReport) -> Mail:
    name = f"completion-{report.campaign}-{report.made_at:%Y%m%d}.csv"
    return Mail(
        subject=as_markdown.headline(report.body),
        body=report.markdown,
        key=f"prodops.completion-report.{report.id}.{report.made_at:%Y%m%dT%H%M%S}",
        attachments=(Attachment(name, "text/csv", as_csv.table(report.body)),),
    )
