"""What the rules and the dashboard read is in a real `/metrics`, with those labels."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest
import yaml
from sqlalchemy import text

from api.metrics.declared import METRICS
from blocks.outside_calls import CallOutcome, OutsideCalls, System
from deployments.monitoring import dashboard
from flows.common.database import transaction
from flows.common.models import PartKind
from tests.support import promql
from tests.support.metrics import Scrape
from tests.support.system import announce, beat

pytestmark = pytest.mark.integration

RULES = Path(__file__).parents[4] / "deployments/monitoring/prometheus-rules.yaml"
ENTERED = """
    INSERT INTO request_transition (action, left_state, state, seconds, at)
    VALUES ('check_pipeline', 'queued', 'running', 1, now()),
           ('check_pipeline', 'running', 'failed', 1, now()),
           ('run_canary', 'running', 'completed', 1, now())
"""
REQUEST = """
    INSERT INTO request (action, parameters, requested_by, source, created_at)
    VALUES ('check_pipeline', '{}', 'me', 'test', now())
"""
CANARY = """
    INSERT INTO request (action, parameters, requested_by, source, created_at, finished_at, state,
                         result)
    VALUES ('run_canary', '{"legs": []}', 'me', 'test', now(), now(), 'completed',
            '{"state": "passed"}')
"""
STFS = """
    INSERT INTO fastmon_inbox (namespace, stf_filename, state, received_at)
    VALUES ('', 'a', 'sampled', now()), ('', 'b', 'passed', now())
"""
CREDENTIAL = {"kind": "token of PanDA", "not_after": "2030-01-01T00:00:00+00:00"}


def rules():
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def queries():
    return [each["expr"] for each in rules()] + dashboard.queries()


@pytest.fixture
def scrape(api, database):
    """Of a system in which there is something of everything."""
    engine = database.ops_engine
    with transaction(engine) as session:
        for statement in (ENTERED, REQUEST, CANARY, STFS):
            session.execute(text(statement))
    calls = OutsideCalls()
    calls.count(System.PANDA, CallOutcome.TIMEOUT, 1.0)
    measures = {"calls": [list(row) for row in calls.rows()], "runs": 1, "slots": 8}
    measures["prefect_outages"] = 1
    sent = measures | {"messages": {"received": 1, "sent": 2}}
    beat(engine, PartKind.WORKER, measures=measures, credentials=[CREDENTIAL])
    beat(engine, PartKind.BRIDGE, measures=sent)
    announce(engine, {"msg_type": "odd"})
    api.get("/api/health/")
    return Scrape(api)


def test_every_query_reads_what_metrics_has(scrape):
    labels = defaultdict(set)
    for each in scrape.samples:
        labels[each.name] |= set(each.labels)
    for query in queries():
        known = set(promql.OF_PROMETHEUS)
        for name, compared in promql.series(query):
            if name != "up":
                assert name in labels, f"{name} of {query}"
                assert compared <= labels[name] | promql.OF_PROMETHEUS, query
                known |= labels[name]
        known |= {label for name in recorded() if name in query for label in recorded()[name]}
        assert promql.grouped(query) <= known, query


def recorded():
    """The labels of each recorded query."""
    return {each["record"]: promql.grouped(each["expr"]) for each in rules() if "record" in each}


def test_everything_that_is_declared_is_there(scrape):
    shown = {each.name for each in scrape.samples}
    for metric in METRICS:
        assert set(metric.series) <= shown, metric.name
        expected = set(metric.labels) | ({"le"} if metric.kind == "histogram" else set())
        [sample] = [each for each in scrape.samples if each.name == metric.series[0]][:1]
        assert set(sample.labels) == expected


def test_each_alert_says_how_urgent_it_is_and_where_to_read_on():
    how_to = (RULES.parents[2] / "docs/how-to/monitor-it.md").read_text()
    for rule in rules():
        if "alert" in rule:
            assert rule["for"]
            assert rule["labels"]["severity"] in {"critical", "warning", "info"}
            assert set(rule["annotations"]) == {"summary", "description", "runbook"}
            assert f"### {rule['alert']}\n" in how_to
            assert rule["annotations"]["runbook"].endswith(f"#{rule['alert'].lower()}")
