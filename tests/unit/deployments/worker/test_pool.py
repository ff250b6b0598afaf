"""Prefect's part of the worker: what the poll brought frees its slot again, whatever it was."""

from __future__ import annotations

import asyncio
import uuid
from types import SimpleNamespace

import anyio
import pytest
from prefect.client.schemas.objects import FlowRun, WorkPool
from structlog.testing import capture_logs

from deployments.worker.pool import PoolWorker
from deployments.worker.request_store import NoRoom
from flows.common.settings import WorkerSettings


@pytest.fixture
def worker() -> PoolWorker:
    worker = PoolWorker(work_pool_name="prodops", name="w", limit=1)
    worker.equip(None, None, WorkerSettings(), monitor="http://monitor", freed=lambda: None)
    return worker


@pytest.mark.parametrize("trouble", [None, NoRoom("full"), KeyError("x")])
@pytest.mark.parametrize("is_draining", [False, True])
def test_a_polled_run_frees_its_slot_and_may_be_brought_again(worker, trouble, is_draining):
    taken = []

    async def take(run: SimpleNamespace) -> None:
        taken.append(run.id)
        if trouble is not None:
            raise trouble

    async def submit() -> None:
        run = SimpleNamespace(id=uuid.uuid4())
        worker._limiter = anyio.CapacityLimiter(1)
        worker.limiter.acquire_on_behalf_of_nowait(run.id)
        worker._submitting_flow_run_ids.add(run.id)
        worker._polled = SimpleNamespace(take=take)
        worker.works.is_draining = is_draining
        await worker._submit_run(run)
        assert worker.limiter.borrowed_tokens == 0
        assert worker._submitting_flow_run_ids == set()

    asyncio.run(submit())
    assert len(taken) == (0 if is_draining else 1)


def test_a_worker_that_is_not_connected_or_drains_claims_nothing(worker):
    assert asyncio.run(worker.serve_queue()) == 0
    worker.is_setup = worker.works.is_draining = True
    assert asyncio.run(worker.serve_queue()) == 0


@pytest.mark.parametrize(
    ("limits", "is_draining", "taken"),
    [({}, False, 1), ({}, True, 0), ({"is_paused": True}, False, 0),
     ({"concurrency_limit": 0}, False, 0)],
)  # fmt: skip
def test_runs_without_a_queue_are_taken_as_the_poll_would_have_brought_them(
    worker, limits, is_draining, taken
):
    run, brought = FlowRun(flow_id=uuid.uuid4()), []

    async def without_queue() -> list[FlowRun]:
        return [run]

    async def submit(responses) -> None:
        brought.extend(each.flow_run for each in responses)

    worker.flow_runs = SimpleNamespace(without_queue=without_queue)
    worker._submit_scheduled_flow_runs = submit
    worker.works.is_draining = is_draining
    worker._record_work_pool_snapshot(WorkPool(name="prodops", type="prodops", **limits))
    asyncio.run(worker.take_without_queue())
    assert brought == [run] * taken


def test_what_the_pool_allows_is_known_from_whichever_reading_of_it_was_the_last(worker):
    for limit in (None, 3):
        pool = WorkPool(name="prodops", type="prodops", concurrency_limit=limit)
        worker._record_work_pool_snapshot(pool)
        assert (worker._limits.is_paused, worker._limits.ceiling) == (False, limit)


def test_the_cancelling_of_a_run_that_is_not_ours_stops_nothing(worker):
    asyncio.run(worker._cancel_run(uuid.uuid4()))


def test_what_prefect_holds_back_is_logged_once_and_so_is_its_end(worker):
    with capture_logs() as lines:
        for held in ({"the pool is paused"}, {"the pool is paused"}, set()):
            worker._say_held(held)
    assert [(line["log_level"], line["reason"]) for line in lines] == [
        ("warning", "the pool is paused"), ("info", "the pool is paused")
    ]  # fmt: skip
