"""Deliveries: paced, through outages, and what became of each."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import text

from blocks.notification_channel.errors import (
    ChannelRefused,
    ChannelUnavailable,
    ChannelUnknown,
    RecipientPutOff,
    RecipientRefused,
)
from deployments.notifier import delivering
from flows.common.callers import on_ops_side
from flows.common.database import now, transaction
from flows.notifications.domain.words import ChannelKind, DeliveryState
from flows.notifications.repository import channels, outbox, wishes
from flows.notifications.schemas import WatchForm
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

SENT, HELD, FAILED = DeliveryState.SENT, DeliveryState.HELD, DeliveryState.FAILED
PENDING, UNKNOWN = DeliveryState.PENDING, DeliveryState.UNKNOWN


@pytest.fixture
def told(site, submitted):
    """Makes so many notifications to the channel."""
    site.channel(a_minute=5)
    site.rule(what="event", name="prodtask_submitted")

    def tell(number: int, prefix: str = "t") -> None:
        site.announce(*(submitted(f"{prefix}{each}") for each in range(number)))
        site.take()

    return tell


@pytest.fixture
def answers(monkeypatch):
    """What the other side does with each message, in turn; afterwards it takes all."""
    given: list[Exception] = []
    taken = []

    def hand_over(order, _settings) -> None:
        if given:
            raise given.pop(0)
        taken.append(order)

    monkeypatch.setattr(delivering, "hand_over", hand_over)
    return given, taken


def test_a_message_is_delivered_to_the_file_of_its_channel(site, told):
    told(1)
    site.deliver()
    [message] = site.messages()
    assert message["title"] == "prodtask_submitted t0 was submitted"
    assert site.states() == [SENT]


def test_what_is_over_the_rate_is_told_in_one_summary_that_counts_it(site, told):
    told(2)
    site.deliver()
    told(37, "u")
    site.deliver()
    *singles, summary = site.messages()
    assert (len(singles), summary["title"]) == (2, "37 more: 37 completed")
    rows = site.rows()
    assert [row.summary_id for row in rows if row.state == HELD] == [rows[-1].id] * 37
    assert f"/notifications/?summary={rows[-1].id}" in summary["plain"]


def test_no_more_messages_go_out_in_a_minute_than_may(site, told):
    for number in range(8):
        told(2, f"v{number}.")
        site.deliver()
    assert len(site.messages()) == 5
    assert site.states().count(PENDING) > 0


def test_an_outage_loses_nothing_and_its_backlog_is_a_summary(site, told, answers):
    given, taken = answers
    given += [ChannelUnavailable("it answers 503")] * 2
    told(1)
    site.deliver()
    told(20, "u")
    site.deliver()  # the one that was tried waits for its pause, and all others behind it
    assert (site.states().count(PENDING), taken) == (21, [])
    for _ in range(2):
        with transaction(site.engine) as session:
            session.execute(text("UPDATE notification SET not_before = now() - interval '1 s'"
                                 " WHERE not_before IS NOT NULL"))  # fmt: skip
        site.deliver()
    assert [order.title for order in taken] == [
        "prodtask_submitted t0 was submitted", "20 more: 20 completed"
    ]  # fmt: skip
    assert set(site.states()) == {SENT, HELD}


def test_a_refusal_is_final_and_names_what_to_mend(site, told, answers):
    given, taken = answers
    given.append(ChannelRefused("the other side answers 404: the channel must be mended"))
    told(2)
    site.deliver()
    assert (site.states(), len(taken)) == ([FAILED, SENT], 1)
    with transaction(site.engine) as session:
        assert channels.named(session, "ops").failing_since is None


def test_what_may_have_been_taken_is_unknown_and_not_sent_again(site, told, answers):
    given, taken = answers
    given.append(ChannelUnknown("not confirmed"))
    told(1)
    site.deliver()
    site.deliver()
    assert (site.states(), taken) == ([UNKNOWN], [])


def test_what_a_lost_notifier_was_handing_over_is_unknown(site, told):
    told(1)
    with transaction(site.engine) as session:
        outbox.begin(session, site.rows()[0].id, now())
    with transaction(site.engine) as session:
        assert outbox.settle_lost(session) == 1
    site.deliver()
    assert (site.states(), site.messages()) == ([UNKNOWN], [])


def test_a_message_is_given_up_when_it_is_too_old(site, told, answers):
    given, _taken = answers
    site.set(retry_days=1)
    told(1)
    given.append(ChannelUnavailable("it does not answer"))
    with transaction(site.engine) as session:
        session.execute(text("UPDATE notification SET at = :at"), {"at": now() - timedelta(days=2)})
    site.deliver()
    [row] = site.rows()
    assert (row.state, row.error) == (FAILED, "it does not answer; tried for 1 days")


def test_a_channel_that_is_off_keeps_what_waits_and_a_removed_one_fails_it(site, told):
    told(1)
    with transaction(site.engine) as session:
        channels.enable(session, "ops", is_enabled=False)
    site.deliver()
    assert site.states() == [PENDING]
    with transaction(site.engine) as session:
        channels.remove(session, "ops")
    assert [(row.state, row.error) for row in site.rows()] == [(FAILED, "its channel was removed")]


def test_a_url_file_that_others_may_read_is_refused(site, told):
    told(1)
    (site.directory / "ops.url").chmod(0o644)
    site.deliver()
    [row] = site.rows()
    assert "chmod 600" in row.error


@pytest.fixture
def watchers(site, submitted):
    """Makes so many users be told of a task, each by mail to an address of their own."""

    def tell(number: int, **relay) -> None:
        site.channel("mail", "mail://h?from=a@b.org", ChannelKind.MAIL, **relay)
        form = WatchForm(kind="task", subject="t1", watch_for="submitted", channel=None)
        for name in (f"user{each}" for each in range(number)):
            with transaction(site.engine) as session:
                wishes.set_address(session, f"{name}@example.org", on_ops_side(name))
                wishes.add_watch(session, form, on_ops_side(name))
        site.take()
        site.announce(submitted("t1"))
        site.take()

    return tell


def failing(site, name: str = "mail") -> str | None:
    with transaction(site.engine) as session:
        return channels.named(session, name).last_error


def delivered(site) -> None:
    """Deliver what is due as the service does, until it is done."""
    site.deliverer.start_due()
    wait_until(lambda: not site.deliverer._busy)


def test_mails_to_users_own_addresses_count_to_the_rate_of_their_channel(site, watchers, answers):
    _given, taken = answers
    watchers(6, a_minute=4)
    site.rule(what="event", name="prodtask_submitted", channel="mail")
    site.deliver()
    assert (len(taken), site.states().count(PENDING)) == (4, 2)


def test_mails_of_the_channel_itself_count_with_those_to_addresses(
    site, watchers, submitted, answers
):
    _given, taken = answers
    watchers(3, a_minute=4)
    site.rule(what="event", name="prodtask_submitted", channel="mail")
    site.deliver()
    site.announce(*(submitted(f"u{number}") for number in range(3)))
    site.take()
    site.deliver()
    assert [order.address for order in taken[3:]] == [""]


def test_a_relay_that_is_away_is_asked_with_one_mail_and_shown_at_its_channel(
    site, watchers, answers
):
    given, taken = answers
    given.append(ChannelUnavailable("the relay h:25 did not answer"))
    watchers(5)
    delivered(site)
    assert (taken, given, site.states().count(PENDING)) == ([], [], 5)
    assert [each.tries for each in site.rows()].count(1) == 1
    assert failing(site) == "the relay h:25 did not answer"
    site.deliverer._relay._closed_until = 0.0
    delivered(site)
    assert (len(taken), failing(site)) == (4, None)


@pytest.mark.parametrize("error", [RecipientRefused, RecipientPutOff])
def test_what_is_of_one_address_holds_up_no_other_and_is_no_fault_of_the_relay(
    site, watchers, answers, error
):
    given, _taken = answers
    given += [error("the relay does not take every recipient")] * 3
    watchers(3)
    delivered(site)
    assert (given, failing(site)) == ([], None)


def test_a_relay_that_falls_silent_with_a_mail_is_given_no_other_meanwhile(site, watchers, answers):
    given, taken = answers
    given.append(ChannelUnknown("the relay did not confirm it"))
    watchers(3)
    delivered(site)
    assert (sorted(site.states()), taken) == ([PENDING, PENDING, UNKNOWN], [])
    assert failing(site) == "the relay did not confirm it"


def test_a_relay_that_hangs_holds_up_no_channel(site, watchers, submitted, monkeypatch):
    is_told, is_over = threading.Event(), threading.Event()

    def hand_over(order, _settings) -> None:
        if order.kind == "mail":
            is_over.wait(30)
            raise ChannelUnavailable("it hangs")
        is_told.set()

    monkeypatch.setattr(delivering, "hand_over", hand_over)
    watchers(6)
    site.deliverer.start_due()
    site.channel()
    site.rule(what="event", name="prodtask_submitted")
    site.announce(submitted("t2"))
    site.take()
    site.deliverer.start_due()
    assert is_told.wait(20)
    is_over.set()
    site.deliverer.close()
