"""What bounds the runs of a whole stack, and what waits for a slot."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from flows.common import standing
from flows.common.database import transaction
from flows.common.models import Request, RequestState
from tests.e2e.conftest import Site, is_alive
from tests.e2e.deployments.worker.looks import POOL_PAUSED, exit_of, held_by, waits_for
from tests.waiting import stays, wait_until

pytestmark = pytest.mark.e2e


def most_at_once(runs: list[dict[str, Any]]) -> int:
    steps = [(run["start_time"], 1) for run in runs] + [(run["end_time"], -1) for run in runs]
    return max(itertools.accumulate(step for _, step in sorted(steps)))


@pytest.mark.slow
@pytest.mark.parametrize(("pool_limit", "most"), [(2, 2), (None, 4)])
def test_a_paused_pool_starts_nothing_and_resumed_keeps_its_limit_and_the_workers(
    site: Site, namespace: str, pool_limit: int | None, most: int
):
    """Triggered and scheduled runs together; the worker's own limit is 4."""
    site.configure_pool(is_paused=True, concurrency_limit=pool_limit)
    try:
        wait_until(lambda: POOL_PAUSED in held_by(site), pause=0.2)
        names = [f"{namespace}-{n}" for n in range(most)]
        triggered = [site.trigger("sample_stfs", namespace=name) for name in names]
        started = [site.start_in_prefect("sample_stfs", namespace=f"{name}-ui") for name in names]
        assert stays(lambda: {site.state(each) for each in triggered} == {"queued"}, 1.5)
        assert {site.run_state(each) for each in started} == {"Scheduled"}
        site.configure_pool(is_paused=False)
        flow_runs = [str(site.ended(each).flow_run_id) for each in triggered]
        runs = [site.run_ended(each) for each in (*flow_runs, *started)]
    finally:
        site.configure_pool(is_paused=False, concurrency_limit=None)
    wait_until(lambda: POOL_PAUSED not in held_by(site), pause=0.2)
    assert {run["state_type"] for run in runs} == {"COMPLETED"}
    assert 1 < most_at_once(runs) <= most


@contextmanager
def limit_of_zero(site: Site) -> Iterator[str]:
    """As the page of Prefect's concurrency limits sets it."""
    path = f"/v2/concurrency_limits/deployment:{site.deployment('prune_history')}"
    site.ask("PATCH", path, limit=0)
    yield "the concurrency limit of the deployment prune_history is 0 at Prefect"
    site.ask("PATCH", path, limit=1)


@contextmanager
def paused_queue(site: Site) -> Iterator[str]:
    """A queue of the operator's own, which the deployment is put into."""
    path = f"/deployments/{site.deployment('prune_history')}"
    site.ask("PATCH", path, work_pool_name="prodops", work_queue_name="slow")
    site.ask("PATCH", "/work_pools/prodops/queues/slow", is_paused=True)
    yield "the work queue slow is paused at Prefect"
    site.ask("DELETE", "/work_pools/prodops/queues/slow")


@pytest.mark.slow
@pytest.mark.parametrize("closing", [paused_queue, limit_of_zero])
def test_what_prefect_holds_of_one_action_says_so_and_runs_when_it_may(site: Site, closing: Any):
    """The paused queue is deleted in the end: its deployment is put back into the pool."""

    with closing(site) as reason:
        wait_until(lambda: waits_for(site, site.trigger("prune_history")) == reason, pause=0.3)
        [held] = site.requests(action="prune_history", state=RequestState.QUEUED)
        assert site.ended(site.trigger("check_pipeline")).state == "completed"
    ended = site.ended(held.id)
    assert (ended.state, ended.error) == ("completed", None)


@pytest.mark.slow
def test_the_limit_of_a_queue_that_a_deployment_was_put_into_holds_for_its_requests(
    site: Site, namespace: str
):
    path = f"/deployments/{site.deployment('sample_stfs')}"
    site.ask("PATCH", path, work_pool_name="prodops", work_queue_name="night")
    site.ask("PATCH", "/work_pools/prodops/queues/night", concurrency_limit=1)
    try:
        wait_until(lambda: "the work queue night" in said_by_workers(site), pause=0.3)
        asked = [site.trigger("sample_stfs", namespace=f"{namespace}-{n}") for n in range(3)]
        runs = [site.run_ended(str(site.ended(each).flow_run_id)) for each in asked]
    finally:
        site.ask("PATCH", path, work_pool_name="prodops", work_queue_name="default")
        site.ask("DELETE", "/work_pools/prodops/queues/night")
    assert {run["state_type"] for run in runs} == {"COMPLETED"}
    assert most_at_once(runs) == 1


@pytest.mark.slow
def test_a_limit_that_an_operator_sets_holds_within_seconds(site: Site, namespace: str):
    """Until then runs are made pending at once, which Prefect does not count."""
    path = f"/deployments/{site.deployment('sample_stfs')}"
    names = (f"{namespace}-{n}" for n in itertools.count())

    def is_counted() -> bool:
        run = str(site.ended(site.trigger("sample_stfs", namespace=next(names))).flow_run_id)
        return "Scheduled" in [each["name"] for each in site.ask("GET", states.format(run))]

    states = "/flow_run_states/?flow_run_id={}"
    assert not is_counted()
    site.ask("PATCH", path, concurrency_limit=1)
    try:
        wait_until(is_counted, pause=0.3)
        asked = [site.trigger("sample_stfs", namespace=next(names)) for _ in range(3)]
        runs = [site.run_ended(str(site.ended(each).flow_run_id)) for each in asked]
    finally:
        site.ask("PATCH", path, concurrency_limit=None)
    assert {run["state_type"] for run in runs} == {"COMPLETED"}
    assert most_at_once(runs) == 1


def said_by_workers(site: Site) -> str:
    """What keeps requests waiting, as the workers say."""
    with transaction(site.engine) as session:
        said = standing.read(session).workers
    return "; ".join(reason.text for each in said for reason in each)


def test_what_waits_for_a_slot_can_be_cancelled(site: Site, waits_for_a_slot: Request):
    site.api.post(f"/api/requests/{waits_for_a_slot.id}/cancel/")
    assert site.ended(waits_for_a_slot.id, 10).state == "cancelled"
    assert site.run_state(waits_for_a_slot.flow_run_id) == "Cancelled"


@pytest.mark.slow
def test_what_waits_for_a_slot_ends_where_its_run_is_cancelled_in_prefect(
    site: Site, waits_for_a_slot: Request
):
    path = f"/flow_runs/{waits_for_a_slot.flow_run_id}/set_state"
    site.ask("POST", path, state={"type": "CANCELLED", "name": "Cancelled"})
    assert site.ended(waits_for_a_slot.id, 10).state == "cancelled"


@pytest.mark.slow
def test_a_worker_drains_although_a_request_waits_for_a_slot_and_the_next_takes_it(
    site: Site, waits_for_a_slot: Request
):
    worker = site.stack.pid("worker")
    os.kill(worker, signal.SIGTERM)
    wait_until(lambda: not is_alive(worker), 12)
    assert wait_until(lambda: exit_of(site, worker), 5) == "exit status 0"
    assert wait_until(lambda: site.request(waits_for_a_slot.id).attempts > 1)
    site.api.post(f"/api/requests/{waits_for_a_slot.id}/cancel/")
    assert site.ended(waits_for_a_slot.id).state == "cancelled"
