"""Alarms on a database: begun once, ended once, and a task paused with its author's scopes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, text

from deployments.notifier.alarms import Alarms
from flows.common import access, actions, standing
from flows.common.callers import Scope, on_ops_side
from flows.common.database import transaction
from flows.common.models import Event, PartKind, Request, RequestState
from flows.notifications.domain.words import What
from flows.notifications.models import AlarmEpisode
from flows.notifications.repository import wishes
from flows.submission.actions import OPERATE_TASK
from tests.pcs_client import Pcs
from tests.support.system import beat, silence

pytestmark = pytest.mark.integration

AT = datetime(2026, 8, 1, 12, tzinfo=UTC)


def look(site) -> None:
    Alarms(site.engine).look(AT)


def told(site) -> list[tuple[str, str, bool]]:
    """The alarms that were announced: kind, what about, whether over."""
    with transaction(site.engine) as session:
        rows = session.scalars(
            select(Event.payload).where(Event.msg_type == "alarm").order_by(Event.id)
        )
        return [(each["kind"], each["about"], each["is_over"]) for each in rows]


def do(site, statement: str, **values: Any) -> None:
    with transaction(site.engine) as session:
        session.execute(text(statement), values)


def sweep(site, error: str | None, campaign: str = "26.05.0") -> None:
    do(
        site,
        "INSERT INTO provenance_campaign (campaign, state, error, attempted_at)"
        " VALUES (:campaign, :state, :error, now()) ON CONFLICT (campaign) DO UPDATE"
        " SET state = excluded.state, error = excluded.error",
        campaign=campaign, state="failed" if error else "ok", error=error,
    )  # fmt: skip


def test_an_alarm_is_told_when_it_begins_and_when_it_is_over_and_not_between(site):
    site.channel()
    rule = site.rule(what="alarm", name="sweep_failed")
    for error in ("Rucio is away", "Rucio is still away", None, None):
        sweep(site, error)
        look(site)
    assert told(site) == [("sweep_failed", "26.05.0", False), ("sweep_failed", "26.05.0", True)]
    site.take()
    rows = sorted(site.rows(), key=lambda row: row.id)
    assert [(row.rule_id, row.outcome) for row in rows] == [(rule, "failed"), (rule, "completed")]
    assert "Rucio is away" in rows[0].body["reason"]


def test_the_end_of_an_alarm_says_how_long_it_lasted(site):
    site.channel()
    site.rule(what="alarm", name="sweep_failed")
    for error, hours in (("away", 0), (None, 3)):
        sweep(site, error)
        Alarms(site.engine).look(AT + timedelta(hours=hours))
    site.take()
    assert [row.body.get("seconds") for row in site.rows()] == [None, 10800]


def test_an_alarm_that_comes_again_is_told_again(site):
    site.channel()
    site.rule(what="alarm", name="sweep_failed")
    for error in ("away", None, "away"):
        sweep(site, error)
        Alarms(site.engine).look(datetime.now(UTC))
    assert [is_over for _, _, is_over in told(site)] == [False, True, False]


def test_a_rule_s_conditions_choose_its_alarms_and_without_a_rule_there_are_none(site):
    sweep(site, "away")
    look(site)
    site.channel()
    site.rule(what="alarm", campaign="26.06.0")
    look(site)
    assert told(site) == []
    sweep(site, "away", "26.06.0")
    look(site)
    assert told(site) == [("sweep_failed", "26.06.0", False)]


def test_of_a_rule_that_is_gone_the_alarms_end_and_nobody_is_told(site):
    site.channel()
    rule = site.rule(what="alarm", name="sweep_failed")
    sweep(site, "away")
    look(site)
    do(site, "DELETE FROM notification_rule WHERE id = :id", id=rule)
    look(site)
    with transaction(site.engine) as session:
        assert session.scalars(select(AlarmEpisode.ended_at)).all() == [AT]
    assert len(told(site)) == 1


def test_a_request_that_waits_is_an_alarm_from_when_it_could_be_worked_on(site):
    site.channel()
    site.rule(what="alarm", name="queue_waits", options={"minutes": 10})
    insert = (
        "INSERT INTO request (action, parameters, requested_by, source, state, created_at,"
        " not_before) VALUES ('a', '{}', 'me', 'rest', 'queued', now() - interval '1 hour',"
        " now() - cast(:due AS interval))"
    )
    do(site, insert, due="1 minute")
    look(site)
    assert told(site) == []
    do(site, insert, due="20 minutes")
    look(site)
    assert told(site) == [("queue_waits", None, False)]


def test_a_credential_s_end_is_told_while_a_worker_is_heard_and_stands_while_none_is(site):
    site.channel()
    site.rule(what="alarm", name="credential_expires")
    row = {"kind": "token of PanDA", "problem": None, "is_renewed": False}
    soon = row | {"not_after": (AT + timedelta(hours=3)).isoformat()}
    beat(site.engine, PartKind.WORKER, credentials=[soon])
    look(site)
    assert told(site) == [("credential_expires", "token of PanDA", False)]
    silence(site.engine, PartKind.WORKER)
    look(site)
    later = row | {"not_after": (AT + timedelta(days=30)).isoformat()}
    assert len(told(site)) == 1
    beat(site.engine, PartKind.WORKER, credentials=[later])
    look(site)
    assert told(site)[1:] == [("credential_expires", "token of PanDA", True)]


def test_a_part_that_another_process_says_it_is_was_started_anew(site, monkeypatch):
    site.channel()
    site.rule(what="alarm", name="part_restarted")
    for started in (AT, AT, AT + timedelta(hours=1)):
        monkeypatch.setattr(standing, "_STARTED_AT", started)
        beat(site.engine, PartKind.RELAY)
        Alarms(site.engine).look(datetime.now(UTC))
    assert told(site) == [("part_restarted", "relay relay@here", False)]


def test_a_canary_that_failed_or_stays_away_is_told_and_one_of_a_single_leg_says_nothing(site):
    site.channel()
    site.rule(what="alarm", name="canary_failed")
    canary(site, "messages failed: no TF", hours=0)
    canary(site, "", hours=0, legs='["rucio"]')
    look(site)
    assert told(site) == [("canary_failed", None, False)]
    canary(site, "", hours=1)
    Alarms(site.engine).look(AT + timedelta(hours=1.5))
    assert told(site)[1:] == [("canary_failed", None, True)]
    Alarms(site.engine).look(AT + timedelta(hours=2))
    assert told(site)[2:] == [("canary_failed", None, False)]


def canary(site, error: str, *, hours: float, legs: str = "[]") -> None:
    """A canary that came back so many hours after the begin."""
    do(
        site,
        "INSERT INTO request (action, parameters, requested_by, source, state, created_at,"
        " finished_at, result) VALUES ('run_canary', jsonb_build_object('legs',"
        " cast(:legs AS jsonb)), 'me', 'schedule', :state, :at, :at,"
        " jsonb_build_object('error', cast(:error AS text)))",
        legs=legs, state="failed" if error else "completed", error=error,
        at=AT + timedelta(hours=hours),
    )  # fmt: skip


# ------------------------------------------------------------------ failing tasks


@pytest.fixture
def failing_task(api, site, monkeypatch) -> str:
    """A submitted task of the user `tester`, of which half the inputs have failed for good."""
    monkeypatch.setattr(actions, "all_actions", lambda: {OPERATE_TASK.name: OPERATE_TASK})
    pcs = Pcs(api)
    pcs.make_ready("t1", sample="")
    pcs.record("t1", jedi_task_id=4711)
    counts = """UPDATE pcs_panda_tasks SET metadata = '{"inputs": 100, "inputs_failed": 50}'"""
    do(site, counts)
    with transaction(site.engine) as session:
        return session.scalar(text("SELECT name FROM pcs_prod_task"))


def pauses(site) -> list[Request]:
    with transaction(site.engine) as session:
        wanted = select(Request).where(Request.action == OPERATE_TASK.name)
        return list(session.scalars(wanted))


def action_taken(site) -> str:
    with transaction(site.engine) as session:
        return session.scalars(select(AlarmEpisode.action_taken)).one()


def give(site, *scopes: Scope) -> None:
    with transaction(site.engine) as session:
        access.create_token(session, "anna", scopes=scopes)


def test_a_failing_task_is_paused_once_as_the_rule_s_author(site, failing_task):
    site.channel()
    give(site, Scope.OPERATE)
    site.rule(what="alarm", name="failure_rate", options={"pause": True})
    look(site)
    look(site)
    [asked] = pauses(site)
    assert (asked.requested_by, asked.source, asked.subject) == ("anna", "alarm", failing_task)
    assert (asked.parameters["operation"], asked.parameters["jedi_task_id"]) == ("pause", 4711)
    assert action_taken(site) == f"its pause was asked for: request {asked.id}"
    assert told(site) == [("failure_rate", failing_task, False)]


@pytest.mark.parametrize("left", ["nothing", "less", "expired"])
def test_a_task_is_not_paused_with_scopes_that_its_author_no_longer_has(site, failing_task, left):
    site.channel()
    give(site, Scope.OPERATE)
    site.rule(what="alarm", name="failure_rate", options={"pause": True})
    ending = "expires_at" if left == "expired" else "revoked_at"
    do(site, f"UPDATE api_token SET {ending} = now() WHERE owner = 'anna'")
    if left == "less":
        give(site, Scope.REQUEST)
    look(site)
    assert pauses(site) == []
    assert action_taken(site).startswith("it is not paused: ")
    assert "anna" in action_taken(site)


def test_a_task_is_only_told_of_where_its_rule_does_not_say_that_it_is_paused(site, failing_task):
    site.channel()
    give(site, Scope.OPERATE)
    site.rule(what="alarm", options={"limit_percent": 40})
    site.rule(what="alarm", options={"limit_percent": 60, "pause": True})
    look(site)
    assert (told(site), pauses(site)) == ([("failure_rate", failing_task, False)], [])


def test_a_task_that_has_ended_is_no_alarm_any_more(site, failing_task):
    site.channel()
    site.rule(what="alarm", name="failure_rate")
    look(site)
    do(site, "UPDATE pcs_prod_task SET status = 'completed'")
    look(site)
    assert [is_over for _, _, is_over in told(site)] == [False, True]


def test_nobody_but_the_notifier_begins_or_ends_an_alarm(site, failing_task):
    site.channel()
    rule = site.rule(what="alarm", name="failure_rate")
    look(site)
    site.take()
    [begun] = site.rows()
    with transaction(site.engine) as session:
        said = session.scalars(select(Event.payload).where(Event.msg_type == "alarm")).one()
    forged = {"msg_type": "alarm", "kind": "failure_rate", "about": failing_task, "rule_id": rule}
    site.say(
        said | {"is_over": True},
        said | {"key": "another", "text": "pay mallory"},
        forged,
        forged | {"key": [], "rule_id": [1]},
        forged | {"key": said["key"], "rule_id": 10**30},
    )
    site.take()
    assert [row.id for row in site.rows()] == [begun.id]
    do(site, "UPDATE pcs_prod_task SET status = 'completed'")
    look(site)
    site.take()
    told = [row.body["text"] for row in site.rows() if row.what == What.ALARM]
    assert told == ["has begun", "is over"]


def test_an_alarm_links_what_it_is_about_and_what_was_asked_for(site, failing_task):
    site.channel()
    give(site, Scope.OPERATE)
    site.rule(what="alarm", options={"pause": True})
    sweep(site, "away")
    look(site)
    site.take()
    [asked] = pauses(site)
    links = {row.name: [each["href"] for each in row.body["links"]] for row in site.rows()}
    assert links["failure_rate"][0] == f"/pcs/tasks/{failing_task}/"
    assert links["failure_rate"][-1] == f"/requests/{asked.id}/"
    assert links["sweep_failed"] == ["/pcs/catalog/?campaign=26.05.0"]


@pytest.mark.parametrize("state", [RequestState.COMPLETED, RequestState.FAILED])
def test_what_became_of_a_pause_is_told_to_its_rule_s_channel_and_to_the_owner(
    site, failing_task, state
):
    site.channel()
    give(site, Scope.OPERATE)
    with transaction(site.engine) as session:
        wishes.set_address(session, "tester@example.org", on_ops_side("tester"))
    site.rule(what="alarm", campaign="", options={"pause": True}, name="failure_rate")
    look(site)
    do(site, "UPDATE request SET state = :state, error = 'PanDA says no'", state=state.value)
    site.take()
    ends = [row for row in site.rows() if row.name == OPERATE_TASK.name]
    assert [(row.recipient, row.outcome) for row in ends] == [("ops", state), ("tester", state)]
    assert {row.subject for row in ends} == {failing_task}


def test_of_two_workers_the_credential_that_ends_first_counts(site):
    site.channel()
    site.rule(what="alarm", name="credential_expires")
    row = {"kind": "token of PanDA", "problem": None, "is_renewed": False}
    for name, days in (("a", 10), ("b", 1), ("c", 5)):
        until = (AT + timedelta(days=days)).isoformat()
        beat(site.engine, PartKind.WORKER, name, credentials=[row | {"not_after": until}])
    look(site)
    assert told(site) == [("credential_expires", "token of PanDA", False)]
