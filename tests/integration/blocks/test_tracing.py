"""One trace leads from a request over REST to what its run does, where traces are on."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest

from blocks import tracing
from blocks.outside_calls import System, counted
from flows.common import claiming, claims, run
from flows.common import flow as flows
from flows.common.callers import Scope
from flows.common.claims import Claim
from flows.common.database import transaction
from flows.common.run import Ending
from flows.common.settings import settings
from flows.housekeeping.actions import CHECK_PIPELINE
from flows.provenance import messages
from tests.conftest import _routed
from tests.http_sink import http_sink
from tests.trace_receiver import trace_receiver

pytestmark = pytest.mark.integration

SERVER, CLIENT, CONSUMER = 2, 3, 5


@pytest.fixture
def token_scopes():
    return frozenset({Scope.OPERATE})


@pytest.fixture
def receiver():
    with trace_receiver() as found:
        yield found


@pytest.fixture
def traced(receiver, served_api):
    """This process exports its spans; its API, engines and clients are watched."""
    app = _routed(settings().stack.root_path)
    tracing.start("prodops-test", url=receiver.url, ratio=1.0)

    def watching(exporting):
        exporting.watch_app(app, excluded="/metrics")
        exporting.watch_engines(app.state.engine, app.state.reserve.engine)

    tracing.watch(watching)
    app.middleware_stack = None  # it is made for all tests, and was made before: it is made anew
    yield
    tracing.stop(5)


def claimed(database):
    with transaction(database.ops_engine) as session:
        [row] = claiming.claim(session, worker="w", limit=1, lease_seconds=60)
    claims.hold(Claim(row.id, row.attempts))
    return row


def ask(url: str) -> None:
    with counted(System.PCS):
        httpx.post(url, json={})


def test_one_trace_leads_from_the_request_to_what_its_run_does(
    traced, receiver, api, database, monkeypatch
):
    @flows.flow(CHECK_PIPELINE)
    def check(_form: Any) -> None:
        present = run.current()
        ask(f"http://127.0.0.1:{sink.port}/")
        present.finish(Ending(result={}))

    answer = api.post("/api/actions/check_pipeline/", json={})
    assert answer.status_code == 202, answer.text
    monkeypatch.setenv("PRODOPS_DATABASE_URL", str(database.ops_url))
    monkeypatch.setenv("PRODOPS_DATABASE_PASSFILE", str(database.ops_passfile))
    settings.cache_clear()
    row = claimed(database)
    # Not before: the caller's own client would begin a trace that is not kept, and say so.
    tracing.watch(lambda exporting: exporting.watch_httpx())
    with http_sink() as sink:
        check.fn()
    claims.hold(None)
    tracing.stop(5)

    [asked] = [each for each in receiver.spans if each.kind == SERVER]
    [ran] = receiver.named("check_pipeline")
    assert row.traceparent.split("-")[1] == asked.trace_id
    assert (ran.kind, ran.trace_id) == (CONSUMER, asked.trace_id)
    assert ran.attributes["request_id"] == row.id
    by_id = {each.span_id: each for each in receiver.spans if each.trace_id == asked.trace_id}
    [called] = [each for each in by_id.values() if each.name == "POST" and each.kind == CLIENT]
    assert lineage(called, by_id) == ["POST", "pcs", "check_pipeline"]
    statements = [each for each in by_id.values() if "db.statement" in each.attributes]
    # Engines are watched once in a process; the run's own: tests/e2e/deployments/worker.
    assert any("request_accept" in each.attributes["db.statement"] for each in statements)


def lineage(span, by_id):
    """The names from a span up to the run's."""
    names = [span.name]
    while span.name != "check_pipeline":
        span = by_id[span.parent_id]
        names.append(span.name)
    return names


def announced():
    about = {"action": "check", "done": 1, "total": 2, "text": "x"}
    return messages.announcement(messages.ProvenanceProgress, Claim(1, 1), None, **about)


def test_an_event_says_of_which_trace_it_is(traced):
    with tracing.span("x", tracing.SpanKind.CONSUMER):
        trace = tracing.trace_id()
        event = announced()
    assert f'"trace_id": "{trace}"' in event.payload
    assert "trace_id" not in announced().payload


def test_a_call_of_ours_begins_no_trace(traced, receiver):
    with counted(System.PCS):
        assert tracing.trace_id() is None
    tracing.stop(5)
    assert receiver.spans == []


def test_an_endpoint_that_is_away_costs_a_process_two_seconds_at_its_end():
    tracing.start("prodops-test", url="http://127.0.0.1:1/v1/traces", ratio=1.0)
    with tracing.span("x", tracing.SpanKind.CONSUMER):
        pass
    began = time.monotonic()
    tracing.stop(0.2)
    assert time.monotonic() - began < 2
