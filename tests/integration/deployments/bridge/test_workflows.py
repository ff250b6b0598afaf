"""Requests of the workflow runner's queue, where prodops is the runner."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine

from deployments.bridge.service import commands_of, subscriptions_of
from deployments.bridge.taking import Taker
from flows.common.models import Event, Request
from flows.common.settings.bus import BusSettings
from flows.messages.models import SetAsideMessage
from tests.databases import Database
from tests.integration.deployments.bridge.test_taking import rows
from tests.unit.deployments.bridge.deliveries import delivery

pytestmark = pytest.mark.integration

QUEUE = "/queue/workflow_control"
RUN = {
    "msg_type": "run_workflow",
    "namespace": "torre1",
    "workflow_name": "stf_datataking",
    "config": "fast_processing_default",
    "realtime": True,
    "params": {"stf_count": 5},
    "timestamp": "2026-11-22T01:49:27.792754",
}


@pytest.fixture
def engine(database: Database) -> Engine:
    return database.engine("ops", pool_size=4)


def send(engine: Engine, body: dict[str, Any]) -> None:
    bus = BusSettings(is_runner=True)
    Taker(engine, bus, "us", commands_of(bus)).take([delivery(body, QUEUE)])


def test_only_a_runner_subscribes() -> None:
    assert QUEUE not in [each.destination for each in subscriptions_of(BusSettings())]
    assert QUEUE in [each.destination for each in subscriptions_of(BusSettings(is_runner=True))]


def test_the_senders_message_runs_a_workflow(engine: Engine) -> None:
    send(engine, RUN)
    [request] = rows(engine, Request)
    form = request.parameters
    assert (request.action, request.requested_by) == ("run_workflow", "bus")
    assert (form["workflow"], form["namespace"], form["stf_count"]) == (
        "stf_datataking", "torre1", 5,
    )  # fmt: skip


def test_what_params_override_acts_where_it_is_read(engine: Engine) -> None:
    params = {"namespace": "torre1", "num_tf_per_slice": 4, "standby_duration": 0.5}
    send(engine, {**RUN, "duration": 60, "source": "mcp", "params": params})
    [request] = rows(engine, Request)
    overrides = [(each["section"], each["key"]) for each in request.parameters["overrides"]]
    assert overrides == [
        ("fast_processing", "num_tf_per_slice"), ("daq_state_machine", "standby_duration"),
    ]  # fmt: skip
    assert request.parameters["duration_seconds"] == 60


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"params": {"stf_cuont": 5}}, "nothing reads"),
        ({"params": [1]}, "params must be an object"),
        ({"config": "none"}, "there is no workflow configuration 'none'"),
        ({"workflow_name": "none"}, "workflow"),
        ({"namespace": None}, "namespace: Field required"),
        ({"msg_type": "pause_workflow"}, "a workflow runner knows no 'pause_workflow'"),
        ({"msg_type": "stop_workflow"}, "no workflow runs in namespace 'torre1'"),
    ],
    ids=["key", "params", "config", "workflow", "namespace", "type", "stop"],
)
def test_what_cannot_be_run_is_set_aside_with_its_reason(
    engine: Engine, changed: dict[str, Any], said: str
) -> None:
    send(engine, RUN | changed)
    [aside] = rows(engine, SetAsideMessage)
    assert said in aside.reason
    assert rows(engine, Request) == []


def test_a_second_workflow_in_the_namespace_is_set_aside(engine: Engine) -> None:
    send(engine, RUN)
    send(engine, RUN | {"params": {"stf_count": 6}})
    assert len(rows(engine, Request)) == 1
    [aside] = rows(engine, SetAsideMessage)
    assert "runs a workflow already" in aside.reason


def test_the_status_is_announced(engine: Engine) -> None:
    send(engine, {"msg_type": "status_request", "namespace": "torre1"})
    [event] = rows(engine, Event)
    assert (event.msg_type, event.payload["is_running"]) == ("workflow_status", False)
