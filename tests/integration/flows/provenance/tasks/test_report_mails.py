"""Mails of completion reports through a real relay: once, or known not to be, or said unknown."""

from __future__ import annotations

from collections.abc import Iterator

import prefect.settings
import pytest

from blocks.notification import Mail, MailRelay, load_sender
from blocks.notification.errors import BlockMissing
from flows.common.settings import settings
from flows.provenance.models import CompletionReport
from flows.provenance.tasks import reports
from tests.input_runs import Runs, runs
from tests.mail_relay import Relay, free_port, relay
from tests.produced import SweptCampaign

pytestmark = pytest.mark.integration
__all__ = ["runs"]

CAMPAIGN = "26.05.0"
REPORT = "report_completion"


@pytest.fixture
def taker() -> Iterator[Relay]:
    with relay() as started:
        yield started


@pytest.fixture
def swept(database) -> SweptCampaign:
    made = SweptCampaign(database.ops_engine, CAMPAIGN)
    made.swept()
    made.path("DIS/NC/10x100", configs=["epic_craterlake"])
    return made


@pytest.fixture
def mailing(runs: Runs, swept, taker, monkeypatch) -> Runs:
    """Reports are mailed through the relay."""
    monkeypatch.setenv("PRODOPS_PROVENANCE_MAIL_BLOCK", "completion")
    settings.cache_clear()
    through(monkeypatch, taker.port)
    return runs


def through(monkeypatch, port: int, *recipients: str) -> None:
    block = MailRelay(
        host="127.0.0.1",
        port=port,
        sender="prodops@example.org",
        recipients=list(recipients or ("team@example.org",)),
        timeout_seconds=1.0,
    )
    monkeypatch.setattr(reports, "load_sender", lambda _name: block)


def newest(runs: Runs) -> CompletionReport:
    return max(runs.rows(CompletionReport), key=lambda each: each.id)


def test_a_report_is_mailed_with_its_table(mailing, taker):
    told = mailing.run(REPORT, campaign=CAMPAIGN)
    (mail,) = taker.mails
    assert mail["Subject"].startswith(f"Completion of campaign {CAMPAIGN}: 1 of 1 found")
    assert mail["To"] == "team@example.org"
    assert mail.get_body().get_content().startswith("# Completion of campaign")
    (table,) = mail.iter_attachments()
    assert "/DIS/NC/10x100" in table.get_content()
    assert (told["mailed"], told["mail"]) == (True, "mailed")
    assert newest(mailing).mailed_at is not None


def test_nobody_who_did_not_ask_for_mail_gets_one(mailing, taker):
    told = mailing.run(REPORT, campaign=CAMPAIGN, mail=False)
    assert (told["mailed"], taker.mails) == (False, [])
    assert told["mail"] == "not mailed: nobody asked for it"


def test_a_relay_that_refuses_leaves_the_report_kept_and_says_so(mailing, taker):
    taker.data_answer = "554 no such policy"
    error = mailing.fail(REPORT, campaign=CAMPAIGN)
    report = newest(mailing)
    assert error == f"report {report.id} is kept, but its mail: {report.mail_error}"
    assert "554 no such policy" in (report.mail_error or "")
    assert (report.mailed_at, report.mail_begun_at) == (None, None)
    (event,) = mailing.events("completion_report_ready")
    assert (event["ok"], event["report_id"], event["mailed"]) == (False, report.id, False)


def test_a_closed_relay_is_no_mail_and_no_doubt(mailing, monkeypatch):
    through(monkeypatch, free_port())
    mailing.fail(REPORT, campaign=CAMPAIGN)
    report = newest(mailing)
    assert "Connection refused" in (report.mail_error or "")
    assert report.mail_begun_at is None


def test_a_relay_that_never_confirms_is_bounded_and_unknown(mailing, taker):
    taker.silent_seconds = 3.0
    mailing.fail(REPORT, campaign=CAMPAIGN)
    report = newest(mailing)
    assert "did not confirm it in time" in (report.mail_error or "")
    assert report.mail_begun_at is not None
    assert report.mailed_at is None


def test_the_next_report_is_mailed_after_one_that_was_not(mailing, taker):
    taker.data_answer = "451 try later"
    mailing.fail(REPORT, campaign=CAMPAIGN)
    taker.data_answer = "250 taken"
    mailing.run(REPORT, campaign=CAMPAIGN)
    assert len(taker.mails) == 1
    assert newest(mailing).mailed_at is not None


def test_a_mail_tells_all_changes_since_the_last_mail(mailing, swept):
    first = mailing.run(REPORT, campaign=CAMPAIGN)
    swept.path("SIDIS/5x41", configs=["epic_craterlake"])
    mailing.run(REPORT, campaign=CAMPAIGN, mail=False)
    mailing.run(REPORT, campaign=CAMPAIGN)
    changes = newest(mailing).body["changes"]
    assert changes["since_id"] == first["report_id"]
    assert len(changes["newly_requested"]) == 1


def test_a_run_lost_after_the_relay_took_the_mail_sends_no_second(mailing, taker, monkeypatch):
    attempt = mailing.hold(REPORT, {"campaign": CAMPAIGN})
    with monkeypatch.context() as broken:
        broken.setattr("flows.provenance.tasks.reports.note_mailing", _killed)
        with pytest.raises(KeyboardInterrupt):
            mailing.end(attempt, REPORT, campaign=CAMPAIGN)
    ended = mailing.end(mailing.lose(attempt), REPORT, campaign=CAMPAIGN)
    assert len(taker.mails) == 1
    assert "not known to be mailed" in (ended.error or "")
    assert newest(mailing).mail_error is not None


def test_a_run_lost_before_the_relay_got_anything_mails_when_it_goes_on(
    mailing, taker, monkeypatch
):
    attempt = mailing.hold(REPORT, {"campaign": CAMPAIGN})
    with monkeypatch.context() as broken:
        broken.setattr("blocks.notification.delivery._agree", _killed)
        with pytest.raises(KeyboardInterrupt):
            mailing.end(attempt, REPORT, campaign=CAMPAIGN)
    ended = mailing.end(mailing.lose(attempt), REPORT, campaign=CAMPAIGN)
    assert (ended.state, len(taker.mails)) == ("completed", 1)


def test_a_recipient_who_is_refused_is_named_and_the_others_get_it(mailing, taker, monkeypatch):
    through(monkeypatch, taker.port, "team@example.org", "gone@example.org")
    taker.refused["gone@example.org"] = "550 no such mailbox"
    told = mailing.run(REPORT, campaign=CAMPAIGN)
    assert taker.recipients == [["team@example.org"]]
    assert told["mail"] == "mailed, but gone@example.org did not get it: 550 no such mailbox"


def test_the_block_that_prefect_keeps_sends_and_one_that_it_has_not_is_named(
    taker, prefect_environment
):
    given = {getattr(prefect.settings, name): value for name, value in prefect_environment.items()}
    with prefect.settings.temporary_settings(given):
        with pytest.raises(BlockMissing, match="Prefect has no block 'mail-relay/nobody'"):
            load_sender("nobody")
        MailRelay(
            host="127.0.0.1", port=taker.port, sender="a@example.org",
            recipients=["b@example.org"], password_file="/nowhere/password",
        ).save("kept-for-a-test", overwrite=True)  # fmt: skip
        said: list[str] = []
        sender = load_sender("kept-for-a-test")
        mail = Mail("a subject", "a body", key="k")
        refused = sender.send(mail, handing_over=lambda: said.append("now"))
    assert (said, refused) == (["now"], {})
    assert taker.mails[0]["Message-ID"] == "<k@example.org>"


def _killed(*_args, **_more):
    raise KeyboardInterrupt
