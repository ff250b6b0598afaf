"""Whom a batch is told to: rules and watches as they are now, one message to each recipient."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from flows.common import access, events
from flows.common.callers import Scope, on_ops_side
from flows.common.database import transaction
from flows.notifications.models import Rule
from flows.notifications.repository import listing, outbox, wishes
from flows.notifications.repository.listing import Filter
from flows.notifications.schemas import WatchForm
from tests.pcs_client import Pcs
from tests.support import requests

pytestmark = pytest.mark.integration


def do(site, statement: str) -> None:
    with transaction(site.engine) as session:
        session.execute(text(statement))


@pytest.mark.parametrize("bad", [{"what": "garbage"}, {"what": "event", "outcome": "garbage"}])
def test_a_rule_that_cannot_be_read_hinders_no_other(site, submitted, monkeypatch, bad):
    site.channel()
    site.rule(what="event", name="prodtask_submitted")
    good = outbox.rules_in_force
    rules = lambda session: [Rule(id=0, author="eve", **bad), *good(session)]  # noqa: E731
    monkeypatch.setattr(outbox, "rules_in_force", rules)
    site.announce(submitted("t1"))
    site.take()
    assert [row.subject for row in site.rows()] == ["t1"]


def test_a_watch_on_what_is_gone_hinders_no_other(site, submitted, monkeypatch):
    site.channel(is_open_to_watchers=True)
    holder = requests.claimed(site.engine)
    requests.finish(site.engine, holder)
    site.take()
    site.watch("request", str(holder.request_id), "complete")
    monkeypatch.setattr("flows.notifications.repository.feed.requests", lambda *_: {})
    site.rule(what="event")
    site.take()
    assert site.rows() == []
    with Session(site.engine) as session:
        assert len(wishes.watches_of(session, "anna", is_live=True)) == 1


def test_a_watch_that_an_event_and_the_database_say_is_true_is_told_once(api, site, submitted):
    site.channel(is_open_to_watchers=True)
    pcs = Pcs(api)
    pcs.make_ready("t1", sample="")
    site.watch("task", "t1", "submitted")
    site.take()
    pcs.record("t1", jedi_task_id=4711)
    site.announce(submitted("t1"))
    site.take()
    assert [row.name for row in site.rows()] == ["prodtask_submitted"]


def test_a_watch_that_is_true_already_tells_whose_task_it_is_and_what_panda_says(api, site):
    site.channel(is_open_to_watchers=True)
    pcs = Pcs(api)
    pcs.make_ready("t1", sample="")
    pcs.record("t1", jedi_task_id=4711)
    seen = {"jedi_task_id": 4711, "panda_status": "broken"}
    pcs.good("POST", "prod-tasks/record-status/", seen, name="t1")
    site.take()
    for watch_for in ("failed", "ended", "submitted"):
        site.watch("task", "t1", watch_for)
    site.take()
    ended, submitted = sorted(site.rows(), key=lambda row: row.outcome, reverse=True)
    assert (ended.body["owner"], ended.body["text"]) == ("tester", "has failed")
    assert (ended.body["reason"], ended.outcome) == ("PanDA says that it is broken", "failed")
    assert (submitted.body["owner"], submitted.body["text"]) == ("tester", "is submitted")


def test_a_watch_of_a_request_that_had_failed_tells_all_that_its_end_would(site):
    site.channel(is_open_to_watchers=True)
    holder = requests.claimed(site.engine)
    step = {"msg_type": "test_progress", "step": "verify"}
    site.announce(events.message_event(step, request_id=holder.request_id))
    do(site, "UPDATE request SET state = 'failed', error = 'no replica', finished_at = now()")
    site.take()
    for watch_for in ("failed", "ended"):
        site.watch("request", str(holder.request_id), watch_for)
    site.take()
    [row] = site.rows()
    said = {key: row.body[key] for key in ("requester", "step", "reason")}
    assert said == {"requester": "me", "step": "verify", "reason": "no replica"}
    assert "seconds" in row.body


# ------------------------------------------------------------------ who may tell, and see


def test_a_channel_that_was_closed_to_watchers_is_told_nothing_by_them(site, submitted):
    site.channel(is_open_to_watchers=True)
    site.watch("task", "t1", "submitted")
    site.rule(what="event", owner="anna")
    site.take()
    do(site, "UPDATE notification_channel SET is_open_to_watchers = false")
    site.announce(submitted("t1"))
    site.take()
    assert site.rows() == []
    do(site, "UPDATE notification_channel SET is_open_to_watchers = true")
    site.announce(submitted("t1"))
    site.take()
    assert len(site.rows()) == 1


@pytest.mark.parametrize(("scope", "told"), [(Scope.REQUEST, 0), (Scope.OPERATE, 1)])
def test_to_a_closed_channel_a_rule_on_one_s_own_takes_operate_still(site, submitted, scope, told):
    site.channel()
    with transaction(site.engine) as session:
        access.create_token(session, "anna", scopes=[scope])
    site.rule(what="event", requester="anna")
    site.announce(submitted("t1"))
    do(site, "UPDATE request SET requested_by = 'anna'")
    site.take()
    assert [row.recipient for row in site.rows()] == ["ops"] * told


def test_two_watchers_who_are_told_by_one_message_both_see_it(site, submitted):
    site.channel(is_open_to_watchers=True)
    form = WatchForm(kind="task", subject="t1", watch_for="submitted", channel="ops")
    with transaction(site.engine) as session:
        for name in ("anna", "bert"):
            wishes.add_watch(session, form, on_ops_side(name))
    site.announce(submitted("t1"))
    site.take()
    with Session(site.engine) as session:
        seen = [len(listing.newest(session, Filter(seen_by=name), 9)) for name in ("anna", "bert")]
        others = listing.newest(session, Filter(seen_by="eve"), 9)
    assert (len(site.rows()), seen, others) == (1, [1, 1], [])
