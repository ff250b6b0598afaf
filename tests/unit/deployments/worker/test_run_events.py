"""The events of a run's tasks: sent with what is known of the run, and nothing is asked for."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.events import related, worker
from prefect.events.clients import NullEventsClient

from deployments.worker import run_events

RUN = FlowRun(
    id=UUID(int=1), flow_id=UUID(int=2), deployment_id=UUID(int=3), work_queue_id=UUID(int=4),
    work_queue_name="default", work_pool_id=UUID(int=5), work_pool_name="ops",
)  # fmt: skip


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is known of this run is not known of a later one."""
    monkeypatch.setattr(related, "RESOURCE_CACHE", {})
    monkeypatch.setattr(worker.EventsWorker, "_lifespan", worker.EventsWorker._lifespan)


def related_to(run: FlowRun, monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[str, Any]]:
    """What an event within the run is related to: id and name by role."""
    context = SimpleNamespace(get=lambda: SimpleNamespace(flow_run=run))
    monkeypatch.setattr("prefect.context.FlowRunContext", context)
    sending = worker.EventsWorker(NullEventsClient, ())

    async def within() -> list[Any]:
        async with sending._lifespan():
            client = sending._orchestration_client
            return await related.related_resources_from_run_context(client)

    return {each.role: (each.id, each.name) for each in asyncio.run(within())}


def test_an_event_names_the_run_and_what_it_belongs_to(monkeypatch):
    run_events.know(RUN, flow="submit", deployment="submit_task")
    assert related_to(RUN, monkeypatch) == {
        "flow-run": (f"prefect.flow-run.{RUN.id}", RUN.name),
        "flow": (f"prefect.flow.{RUN.flow_id}", "submit"),
        "deployment": (f"prefect.deployment.{RUN.deployment_id}", "submit_task"),
        "work-queue": (f"prefect.work-queue.{RUN.work_queue_id}", "default"),
        "work-pool": (f"prefect.work-pool.{RUN.work_pool_id}", "ops"),
    }


def test_what_a_run_does_not_have_is_left_out(monkeypatch):
    bare = FlowRun(id=uuid4(), flow_id=uuid4())
    run_events.know(bare, flow="submit", deployment="submit_task")
    assert set(related_to(bare, monkeypatch)) == {"flow-run", "flow"}
