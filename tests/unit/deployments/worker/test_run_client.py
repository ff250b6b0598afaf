"""Prefect's client of a run: what it answers itself, and what it asks."""

from __future__ import annotations

from uuid import uuid4

import httpx
import pytest
from prefect.client.schemas.objects import FlowRun, FlowRunPolicy
from prefect.states import Pending, Running

from deployments.worker.run_client import RunClient


@pytest.fixture
def asked() -> list[str]:
    return []


@pytest.fixture
def client(asked: list[str]) -> RunClient:
    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(f"{request.method} {request.url.path}")
        return httpx.Response(200, json={"id": str(uuid4()), "flow_id": str(uuid4()), "name": "x"})

    settings = {"transport": httpx.MockTransport(answer)}
    made = RunClient("http://prefect/api", httpx_settings=settings)
    made._client.enable_csrf_support = False
    return made


def _run() -> FlowRun:
    return FlowRun(flow_id=uuid4(), name="check", state=Running(), run_count=0)


def test_the_run_that_has_just_become_running_is_known_once(client, asked):
    run = _run()
    client.context(run)
    assert client.read_flow_run(run.id) is run
    assert run.run_count == 1
    assert not asked
    client.read_flow_run(run.id)
    assert asked == [f"GET /api/flow_runs/{run.id}"]


def test_a_run_in_another_state_is_asked_for(client, asked):
    run = _run()
    run.state = Pending()
    client.context(run)
    client.read_flow_run(run.id)
    assert len(asked) == 1


def test_the_version_of_a_flow_is_not_written(client, asked):
    policy = FlowRunPolicy(retries=0)
    client.update_flow_run(uuid4(), flow_version="1", empirical_policy=policy)
    assert not asked


@pytest.mark.parametrize(
    "change", [{"name": "new"}, {"empirical_policy": FlowRunPolicy(retries=2)}]
)
def test_what_says_something_is_written(client, asked, change):
    client.update_flow_run(uuid4(), **change)
    assert len(asked) == 1


def test_no_result_is_stored_at_prefect(client, asked):
    assert client.read_server_default_result_storage().default_result_storage_block_id is None
    assert not asked
