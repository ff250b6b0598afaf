"""What happened becomes notifications: each once, whoever tells of it, and for whom it is."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from deployments.notifier import taking
from flows.common import events
from flows.common.callers import on_ops_side
from flows.common.claims import Claim
from flows.common.database import transaction
from flows.common.database_errors import DatabaseUnavailable
from flows.common.models import RequestState
from flows.notifications.domain.words import DeliveryState
from flows.notifications.repository import feed, outbox, wishes
from flows.payload_logs import messages as log_messages
from tests.pcs_client import Pcs
from tests.support import requests
from tests.support.requests import ACTION

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("state", [RequestState.COMPLETED, RequestState.FAILED])
def test_the_end_of_a_request_is_told_whatever_ends_it(site, state):
    site.channel()
    site.rule(what="action", name=ACTION.name)
    requests.finish(site.engine, requests.claimed(site.engine), state)
    site.take()
    [row] = site.rows()
    assert (row.outcome, row.subject, row.body["requester"]) == (state.value, "a", "me")
    assert row.body["links"] == [
        {"text": f"request {row.request_id}", "href": f"/requests/{row.request_id}/"}
    ]


def test_a_request_and_the_event_of_its_end_are_told_as_one(site):
    site.channel()
    site.rule(what="action")
    site.rule(what="event", name="payload_log_ready")
    holder = requests.claimed(site.engine)
    rename = text("UPDATE request SET action = 'fetch_payload_log'")
    with transaction(site.engine) as session:
        session.execute(rename)
    requests.finish(site.engine, holder)
    site.announce(log_messages.ready(1042, 730, holder))
    site.take()
    site.announce(log_messages.ready(1042, 730, Claim(holder.request_id, 1, holder.flow_run_id)))
    site.take()
    assert [row.name for row in site.rows()] == ["fetch_payload_log"]


def test_a_failure_tells_its_step_and_its_reason(site):
    site.channel()
    site.rule(what="action", outcome="failed")
    holder = requests.claimed(site.engine)
    site.announce(
        events.message_event(
            {"msg_type": "test_progress", "step": "verify"}, request_id=holder.request_id
        )
    )
    with transaction(site.engine) as session:
        session.execute(text("UPDATE request SET state = 'failed', error = 'no replica'"))
    site.take()
    [row] = site.rows()
    assert (row.body["step"], row.body["reason"]) == ("verify", "no replica")


def test_nothing_is_lost_or_doubled_where_a_batch_is_broken_off(site, submitted, monkeypatch):
    site.channel()
    site.rule(what="event", name="prodtask_submitted")
    site.announce(*(submitted(f"t{number}") for number in range(5)))

    def away(*_: object) -> None:
        raise DatabaseUnavailable("it was stopped")

    with monkeypatch.context() as broken:
        broken.setattr(feed, "advance", away)
        with pytest.raises(DatabaseUnavailable):
            site.take()
    assert site.rows() == []
    site.take()
    site.take()
    assert [row.subject for row in site.rows()] == [f"t{number}" for number in range(5)]


def test_a_watch_is_told_once_and_then_spent(site, submitted):
    site.channel(is_open_to_watchers=True)
    watch = site.watch("task", "t1", "submitted")
    site.watch("task", "t2", "submitted")
    site.announce(submitted("t1"), submitted("t1"))
    site.take()
    site.announce(submitted("t1"))
    site.take()
    [row] = site.rows()
    assert (row.watch_id, row.username) == (watch, "anna")
    with Session(site.engine) as session:
        live = wishes.watches_of(session, "anna", is_live=True)
    assert [each.subject for each, _ in live] == ["t2"]


def test_a_watch_for_what_is_so_already_is_told_at_once(site):
    site.channel(is_open_to_watchers=True)
    holder = requests.claimed(site.engine)
    requests.finish(site.engine, holder)
    site.take()
    site.watch("request", str(holder.request_id), "complete")
    site.watch("request", str(holder.request_id), "failed")
    site.take()
    [row] = site.rows()
    assert (row.request_id, row.title) == (holder.request_id, "test_action a was completed")


def test_own_addresses_are_written_to_and_none_is_said(site):
    site.channel("mail", "mail://relay.example.org?from=a@example.org", "mail")
    with transaction(site.engine) as session:
        wishes.set_address(session, "anna@example.org", on_ops_side("anna"))
    site.watch("request", "1", "ended", channel=None)
    with transaction(site.engine) as session:
        session.execute(text("DELETE FROM notification_address"))
    requests.finish(site.engine, requests.claimed(site.engine))
    site.take()
    [row] = site.rows()
    assert (row.state, row.error) == (DeliveryState.FAILED, "no address is registered")


def test_ten_thousand_watches_are_no_ten_thousand_comparisons(site, submitted):
    channel = site.channel(is_open_to_watchers=True)
    with transaction(site.engine) as session:
        session.execute(
            text("""
                INSERT INTO notification_watch
                    (username, kind, subject, watch_for, channel_id, is_new, created_at)
                SELECT 'u' || n, 'task', 't' || n, 'submitted', :channel, false, now()
                FROM generate_series(1, 10000) AS n
            """),
            {"channel": channel},
        )
        session.execute(text("ANALYZE notification_watch"))
        plan = session.execute(
            text("""
                EXPLAIN SELECT w.id FROM unnest(ARRAY['task'], ARRAY['t7']) AS said (kind, subject)
                JOIN notification_watch AS w ON w.kind = said.kind AND w.subject = said.subject
                WHERE w.fired_at IS NULL
            """)
        ).scalars()
        assert any("notification_watch_subject_idx" in line for line in plan)
    site.announce(submitted("t7"))
    site.take()
    assert [row.username for row in site.rows()] == ["u7"]


def test_every_condition_of_a_rule_has_to_hold(site, submitted):
    site.channel()
    site.rule(what="event", name="prodtask_submitted", subject="epic.*")
    site.rule(what="event", name="prodtask_submitted", owner="bert")
    site.rule(what="event", name="prodtask_submitted", outcome="failed")
    site.announce(submitted("epic.1"), submitted("other.1"))
    site.take()
    assert [row.subject for row in site.rows()] == ["epic.1"]


def test_an_event_that_nobody_can_tell_hinders_no_other(site, submitted, monkeypatch):
    site.channel()
    site.rule(what="event", name="prodtask_submitted")
    site.announce(*(submitted(f"t{number}") for number in range(3)))
    insert = outbox.insert

    def refuse(session, rows) -> None:
        if any(row["subject"] == "t1" for row in rows):
            raise ValueError("whatever it is")
        insert(session, rows)

    monkeypatch.setattr(outbox, "insert", refuse)
    site.take()
    assert [row.subject for row in site.rows()] == ["t0", "t2"]


FORGED = [
    {"msg_type": "prodtask_submitted", "task_name": "t1", "sender": "prodops", "request_id": 1},
    {"msg_type": "prodtask_submit_failed", "task_name": "t1", "reason": "pay mallory"},
    {"msg_type": "evgen_registered", "ok": True, "did": "epic:/t1"},
    {"msg_type": "campaign_provenance_ready", "ok": True, "campaign": "26.05.0"},
    {"msg_type": "prodtask_changed", "task_name": "t1", "status": "failed"},
    {"msg_type": "prodtask_changed", "task_name": {"a": 1}},
]


@pytest.mark.parametrize("body", FORGED)
def test_what_a_peer_says_is_told_by_no_rule_and_spends_no_watch(site, body):
    site.channel(is_open_to_watchers=True)
    site.rule(what="event")
    for watch_for in ("submitted", "failed"):
        site.watch("task", "t1", watch_for)
    site.watch("dataset", "epic:/t1", "arrived")
    site.take()
    site.say(body, body | {"namespace": "prodops", "processed_by": "prodops"})
    site.take()
    assert site.rows() == []
    with Session(site.engine) as session:
        assert len(wishes.watches_of(session, "anna", is_live=True)) == 3


def test_what_is_posted_over_rest_is_a_peer_s(api, site):
    site.channel(is_open_to_watchers=True)
    site.rule(what="event")
    site.watch("task", "t1", "failed")
    for body in FORGED[1:]:
        assert api.post("/api/messages/", json=body).is_success
    site.take()
    assert site.rows() == []


def edit(site) -> None:
    with transaction(site.engine) as session:
        session.execute(text("UPDATE pcs_prod_task SET priority = coalesce(priority, 0) + 1"))


@pytest.mark.parametrize(
    ("state", "told", "more"),
    [("finished", "is complete", "done"), ("failed", "has failed", "broken")],
)
def test_a_task_s_end_at_panda_is_told_once_to_rules_and_watches(api, site, state, told, more):
    site.channel(is_open_to_watchers=True)
    site.rule(what="event", name="prodtask_changed", owner="tester")
    pcs = Pcs(api)
    pcs.make_ready("t1", sample="")
    pcs.record("t1", jedi_task_id=4711)
    for watch_for in ("ended", "complete", "failed"):
        site.watch("task", "t1", watch_for)
    site.take()
    seen = {"jedi_task_id": 4711, "panda_status": state, "inputs": 100, "inputs_failed": 7}
    pcs.good("POST", "prod-tasks/record-status/", seen, name="t1")
    site.take()
    [row] = site.rows()
    assert (row.title, row.body["owner"]) == (f"prodtask_changed t1 {told}", "tester")
    assert "7 of its 100 inputs" in row.body["reason"]
    edit(site)
    pcs.good("POST", "prod-tasks/record-status/", seen | {"panda_status": more}, name="t1")
    site.say({"msg_type": "prodtask_changed"})
    site.take()
    assert len(site.rows()) == 1


def test_an_edit_of_a_task_that_ended_long_ago_is_no_end(api, site):
    site.channel()
    pcs = Pcs(api)
    pcs.make_ready("t1", sample="")
    pcs.record("t1", jedi_task_id=4711)
    with transaction(site.engine) as session:
        session.execute(text("UPDATE pcs_panda_tasks SET updated_at = now() - interval '1 day'"))
        session.execute(text("UPDATE pcs_prod_task SET status = 'completed'"))
    site.rule(what="event", name="prodtask_changed")
    site.take()
    edit(site)
    site.take()
    assert site.rows() == []


def test_in_a_backlog_an_event_and_the_end_that_it_tells_of_are_taken_together(site, monkeypatch):
    monkeypatch.setattr(taking, "_ENDS", 1)
    site.channel()
    site.rule(what="action")
    site.rule(what="event", name="payload_log_ready")
    holders = [requests.claimed(site.engine, name) for name in ("a", "b", "c")]
    with transaction(site.engine) as session:
        session.execute(text("UPDATE request SET action = 'fetch_payload_log'"))
        session.execute(text("UPDATE request SET state = 'completed', finished_at = now()"))
    site.announce(*(log_messages.ready(1042, 730, each) for each in holders))
    site.take()
    assert [(row.name, "seconds" in row.body) for row in site.rows()] == [
        ("fetch_payload_log", True)
    ] * 3
