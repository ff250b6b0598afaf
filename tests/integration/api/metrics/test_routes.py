"""`/metrics` says what the database, the parts and this process know, and answers in any case."""

from __future__ import annotations

import json
import threading

import httpx
import pytest
from sqlalchemy import text

from api.metrics import routes
from api.metrics.declared import METRICS
from flows.common import actions, canary, request_counts
from flows.common.callers import Scope
from flows.common.database import transaction
from flows.common.models import PartKind, RequestState
from flows.common.settings import settings
from tests.sampled_run import messages_of, sample, take_in
from tests.support import requests
from tests.support.metrics import Scrape
from tests.support.system import announce, beat

pytestmark = pytest.mark.integration


@pytest.fixture
def engine(database):
    return database.ops_engine


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """Nothing is shown from before, and the tests' action is known."""
    monkeypatch.setattr(routes, "_FRESH_SECONDS", 0.0)
    known = {**actions.all_actions(), requests.ACTION.name: requests.ACTION}
    monkeypatch.setattr(actions, "all_actions", lambda: known)


def fold(engine):
    with transaction(engine) as session:
        request_counts.fold(session)


def entered(scrape, state):
    return scrape.value("prodops_request_state_entered_total", action="test_action", state=state)


def test_requests_are_counted_by_action_and_state(api, engine):
    requests.accept(engine, "a")
    requests.accept(engine, "b")
    requests.claim(engine, limit=1)
    scrape = Scrape(api)
    assert scrape.value("prodops_requests", action="test_action", state="claimed") == 1
    assert scrape.value("prodops_requests", action="test_action", state="queued") == 1
    assert scrape.value("prodops_queue_depth", action="test_action") == 1
    assert scrape.value("prodops_queue_oldest_seconds", action="test_action") > 0


def test_counts_go_on_when_they_are_folded_and_history_is_deleted(api, engine):
    requests.finish(engine, requests.claimed(engine), RequestState.FAILED)
    before = entered(Scrape(api), "failed")
    fold(engine)
    with transaction(engine) as session:
        session.execute(text("DELETE FROM request"))
    requests.finish(engine, requests.claimed(engine, "b"), RequestState.FAILED)
    assert (before, entered(Scrape(api), "failed")) == (1, 2)
    assert Scrape(api).value("prodops_requests", action="test_action", state="queued") is None


def test_time_in_a_state_is_counted_when_it_is_left(api, engine):
    holder = requests.claimed(engine)
    with transaction(engine) as session:
        session.execute(text("UPDATE request SET state_since = now() - interval '20 s'"))
    requests.give_back(engine, holder)
    fold(engine)
    name, labels = "prodops_request_state_seconds", {"action": "test_action", "state": "claimed"}
    scrape = Scrape(api)
    assert scrape.value(f"{name}_bucket", le="10", **labels) == 0
    assert scrape.value(f"{name}_bucket", le="30", **labels) == 1
    assert scrape.value(f"{name}_sum", **labels) == pytest.approx(20, abs=5)


def test_parts_say_what_they_measure(api, engine):
    calls = [["rucio_logs", "timeout", [0] * 12 + [3, 1], 200.5], ["strange", "ok", [1], 1.0]]
    beat(engine, PartKind.WORKER, "w@here", measures={"calls": calls, "runs": 2, "slots": 8})
    scrape = Scrape(api)
    labels = {"part": "w@here", "system": "rucio_logs", "outcome": "timeout"}
    assert scrape.value("prodops_outside_calls_total", **labels) == 4
    assert scrape.value("prodops_outside_call_seconds_bucket", le="60", **labels) == 3
    assert scrape.value("prodops_runs", part="w@here") == 2
    assert scrape.value("prodops_part_last_heard_seconds", kind="worker", part="w@here") < 5
    assert "strange" not in scrape.text


def test_how_often_prefect_ceased_to_answer_is_said_of_the_parts_that_ask_it(api, engine):
    beat(engine, PartKind.RELAY, "r@here", measures={"prefect_outages": 2})
    beat(engine, PartKind.BRIDGE, "b@here", measures={})
    found = [s for s in Scrape(api).samples if s.name == "prodops_part_prefect_outages_total"]
    assert [(each.labels["part"], each.value) for each in found] == [("r@here", 2)]


def test_sampled_stfs_and_their_tfs_are_counted_without_canaries_and_over_pruning(api, engine):
    def counted():
        scrape = Scrape(api)
        names = ("prodops_stfs_sampled_total", "prodops_tfs_registered_total")
        return [scrape.value(each) for each in names]

    assert counted() == [0, 0]
    take_in(engine, messages_of(100123, 2))
    sample(engine)
    take_in(engine, messages_of(canary.RUN_NUMBER, 1, namespace=canary.NAMESPACE))
    sample(engine, namespace=canary.NAMESPACE)
    before = counted()
    assert before == [2, 14]
    with transaction(engine) as session:
        session.execute(text("SELECT set_config('prodops.is_pruning', 'on', true)"))
        session.execute(text("DELETE FROM swf_fastmon_files"))
    assert counted() == before


def test_days_of_credentials_are_told_and_no_path_is(api, engine):
    said = [
        {"kind": "token of PanDA", "not_after": "2020-01-01T00:00:00+00:00", "problem": None},
        {
            "kind": "/etc/secret/planted.pem",
            "not_after": None,
            "problem": "/etc/secret/planted.pem",
        },
    ]
    beat(engine, PartKind.WORKER, credentials=said)
    scrape = Scrape(api)
    assert scrape.value("prodops_credential_days_left", credential="token of PanDA") < -365
    assert scrape.value("prodops_credential_usable", credential="token of PanDA") == 0
    assert "planted" not in scrape.text


def test_events_and_their_lag_are_counted(api, engine):
    announce(engine, {"msg_type": "odd"}, {"msg_type": "odd"})
    api.get("/api/health/")
    scrape = Scrape(api)
    assert scrape.value("prodops_events_total") == 2
    assert scrape.value("prodops_http_request_seconds_count", route="/api/health/") == 1


def test_every_metric_is_declared_with_its_help(api):
    own = {each.name.removesuffix("_total"): each.help for each in METRICS}
    for family in Scrape(api).families.values():
        if not family.name.startswith("process_"):
            assert own[family.name] == family.documentation


def test_reading_takes_the_scope_where_reads_are_closed(as_, served_api, monkeypatch):
    monkeypatch.setenv("PRODOPS_API_OPEN_READS", "false")
    settings.cache_clear()
    served_api.restart()
    with served_api.client(token=None) as nobody:
        assert nobody.get("/metrics").status_code == 403
    sender = as_("sender", Scope.READ)
    bearer = {"Authorization": sender.headers["Authorization"].replace("Token", "Bearer")}
    with served_api.client(token=None) as prometheus:
        assert prometheus.get("/metrics", headers=bearer).status_code == 200


def test_a_database_that_is_away_leaves_its_own_metrics(api, engine, monkeypatch):
    def away(_engine):
        raise routes.PASSING[0]("away")

    monkeypatch.setattr(routes, "_read", away)
    scrape = Scrape(api)
    assert scrape.value("prodops_database_up") == 0
    assert scrape.value("prodops_stream_clients") == 0
    assert "prodops_requests" not in scrape.families


def test_a_database_that_does_not_answer_is_not_waited_for(api, monkeypatch):
    released = threading.Event()
    monkeypatch.setattr(routes, "_PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(routes, "_read", lambda _engine: released.wait(10))
    assert Scrape(api).value("prodops_database_up") == 0
    released.set()


def test_openmetrics_is_given_to_who_asks_for_it(api: httpx.Client):
    answer = api.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


WALKED = text("""
    INSERT INTO request (action, parameters, requested_by, source, created_at, finished_at, state,
                         result)
    VALUES ('run_canary', cast(:parameters AS jsonb), 'me', 'test', now(),
            to_timestamp(:at), :state, cast(:result AS jsonb))
""")


def test_a_canary_s_success_is_a_walk_of_all_legs_that_passed(api, engine):
    def walked(at, *, state="completed", legs=(), came="passed"):
        parameters, result = json.dumps({"legs": legs}), json.dumps({"state": came})
        values = {"at": at, "state": state, "parameters": parameters, "result": result}
        with transaction(engine) as session:
            session.execute(WALKED, values)

    def seen():
        name = "prodops_canary_last_success_timestamp_seconds"
        return [each.value for each in Scrape(api).samples if each.name == name]

    walked(1, came="unknown")
    walked(2, came="skipped")
    walked(3, legs=["requests"])
    walked(4, state="failed", came="failed")
    assert seen() == []
    walked(1_000)
    walked(2_000, came="unknown")
    assert seen() == [1_000.0]
