"""What is deleted or edited at Prefect, while the worker serves on."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from flows.common.models import Request
from tests.e2e.conftest import Site, stf_message
from tests.e2e.deployments.worker.looks import POOL_PAUSED, sampling_request, waits_for
from tests.waiting import wait_until

pytestmark = pytest.mark.e2e


# ------------------------------------------------------------------ what was deleted at Prefect


@pytest.mark.slow
def test_a_deployment_or_pool_that_was_deleted_is_registered_again_and_what_waits_runs_once(
    site: Site,
):
    site.ask("DELETE", f"/deployments/{site.deployment('check_pipeline')}")
    first = site.ended(site.trigger("check_pipeline"))
    site.ask("DELETE", "/work_pools/prodops")
    second = site.ended(site.trigger("check_pipeline"))
    for each in (first, second):
        assert (each.state, each.attempts, each.error) == ("completed", 1, None)
    # That of a schedule, which nobody asks for, is found missing by the clock.
    gone = site.deployment("sync_task_states")
    site.ask("DELETE", f"/deployments/{gone}")
    again = wait_until(lambda: deployments(site).get("sync_task_states"))
    assert again != gone
    run = site.run_ended(site.start_in_prefect("check_pipeline"))
    assert (run["state_type"], run["work_pool_name"]) == ("COMPLETED", "prodops")


@pytest.mark.slow
def test_what_waits_for_a_slot_of_a_deleted_deployment_runs_by_the_new_one(
    site: Site, waits_for_a_slot: Request
):
    site.ask("DELETE", f"/deployments/{site.deployment('prune_history')}")
    ended = site.ended(waits_for_a_slot.id, 60)
    assert (ended.state, ended.flow_run_id != waits_for_a_slot.flow_run_id) == ("completed", True)


@pytest.mark.slow
@pytest.mark.parametrize("deleted", ["/work_pools/prodops/queues/slow", "/work_pools/prodops"])
def test_what_waits_for_a_slot_runs_once_although_its_queue_or_pool_was_deleted(
    site: Site, in_queue_of_its_own: str, waits_for_a_slot: Request, deleted: str
):
    run = str(waits_for_a_slot.flow_run_id)
    assert site.flow_run(run)["work_queue_name"] == in_queue_of_its_own
    site.ask("DELETE", deleted)
    slot = f"deployment:{site.deployment('prune_history')}"
    site.ask("POST", "/v2/concurrency_limits/decrement", names=[slot], slots=1)
    ended = site.ended(waits_for_a_slot.id, 60)
    assert (ended.state, ended.attempts, str(ended.flow_run_id)) == ("completed", 1, run)


@pytest.mark.slow
def test_a_run_that_was_started_in_a_paused_pool_runs_although_the_pool_was_deleted(site: Site):
    site.configure_pool(is_paused=True)
    run = site.start_in_prefect("check_pipeline")
    site.ask("DELETE", "/work_pools/prodops")
    assert site.run_ended(run, 60)["state_type"] == "COMPLETED"
    [request] = site.requests(flow_run_id=uuid.UUID(run))
    assert request.state == "completed"


@pytest.fixture
def in_queue_of_its_own(site: Site) -> str:
    """The work queue that an operator has put a deployment into."""
    path = f"/deployments/{site.deployment('prune_history')}"
    site.ask("PATCH", path, work_pool_name="prodops", work_queue_name="slow")
    return "slow"


@pytest.mark.slow
def test_runs_that_are_deleted_leave_their_requests_to_a_good_end(site: Site, namespace: str):
    site.send(stf_message(namespace, 1))
    running = sampling_request(site, namespace)
    site.ask("DELETE", f"/flow_runs/{running.flow_run_id}")
    assert site.ended(running.id).state == "completed"
    assert site.inbox(namespace) == {f"swf.{namespace}.000001.stf": "sampled"}
    done = site.ended(site.trigger("check_pipeline"))
    site.run_ended(str(done.flow_run_id))
    site.ask("DELETE", f"/flow_runs/{done.flow_run_id}")
    assert site.api.get(f"/requests/{done.id}/").status_code == 200


def deployments(site: Site) -> dict[str, str]:
    return {each["name"]: each["id"] for each in site.ask("POST", "/deployments/filter", limit=200)}


# ------------------------------------------------------------------ what was edited at Prefect


@pytest.mark.slow
def test_an_edit_holds_through_a_restart_of_the_worker_and_is_shown(site: Site):
    path = f"/deployments/{site.deployment('prune_history')}"
    site.ask("PATCH", path, concurrency_limit=3)
    edit = {"deployment": "prune_history", "part": "limit", "now": "3", "declared": "1"}
    try:
        site.kill("worker")
        wait_until(lambda: edit in site.api.get("/api/system/").json()["edits"])
        assert site.ask("GET", path)["global_concurrency_limit"]["limit"] == 3
        rows = json.loads(site.cli("actions", "--json").stdout)
        shown = {row["action"]: row["edited"] for row in rows if row["edited"]}
        assert shown == {"prune_history": "limit: 3 (declared 1)"}
    finally:
        site.ask("PATCH", path, concurrency_limit=1)


@contextmanager
def edited(site: Site, action: str, declared: dict[str, Any], **fields: Any) -> Iterator[None]:
    """While a deployment is edited; as it is declared afterwards."""
    path = f"/deployments/{site.deployment(action)}"
    site.ask("PATCH", path, **fields)
    try:
        yield
    finally:
        site.ask("PATCH", path, **declared)


def test_job_variables_which_the_locked_template_forbids_fail_no_request(site: Site):
    none: dict[str, Any] = {"job_variables": {}}
    with edited(site, "check_pipeline", none, job_variables={"command": "true"}):
        assert site.ended(site.trigger("check_pipeline")).state == "completed"
        path = f"/deployments/{site.deployment('check_pipeline')}"
        assert site.ask("GET", path)["job_variables"] == {}


@pytest.mark.slow
def test_a_request_that_its_deployment_cancels_as_it_is_full_says_so(site: Site):
    slot = {"names": [f"deployment:{site.deployment('prune_history')}"], "slots": 1}
    enqueue = {"concurrency_options": {"collision_strategy": "ENQUEUE"}}
    cancel = {"collision_strategy": "CANCEL_NEW"}
    with edited(site, "prune_history", enqueue, concurrency_options=cancel):
        site.ask("POST", "/v2/concurrency_limits/increment", **slot, mode="concurrency")
        ended = site.ended(site.trigger("prune_history"))
        site.ask("POST", "/v2/concurrency_limits/decrement", **slot)
    assert ended.state == "cancelled"
    assert "Deployment concurrency limit reached." in str(ended.error)


@pytest.mark.slow
def test_a_limit_of_the_pool_and_an_added_queue_are_shown_as_edits(site: Site):
    def shown() -> set[tuple[str, str, str]]:
        found = site.api.get("/api/system/").json()["edits"]
        return {(each["deployment"], each["part"], each["now"]) for each in found}

    site.configure_pool(concurrency_limit=3)
    night = {"name": "night", "concurrency_limit": 1, "priority": 5}
    site.ask("POST", "/work_pools/prodops/queues", **night)
    try:
        wanted = {("work pool prodops", "limit", "3"), ("work queue night", "limit", "1")}
        wait_until(lambda: wanted <= shown(), pause=1)
    finally:
        site.configure_pool(concurrency_limit=None)
        site.ask("DELETE", "/work_pools/prodops/queues/night")


@pytest.mark.slow
def test_a_request_that_waits_for_a_slot_says_that_the_pool_is_paused(
    site: Site, waits_for_a_slot: Request
):
    site.configure_pool(is_paused=True)
    try:
        wait_until(lambda: waits_for(site, waits_for_a_slot.id) == POOL_PAUSED, pause=0.5)
    finally:
        site.configure_pool(is_paused=False)
        site.api.post(f"/api/requests/{waits_for_a_slot.id}/cancel/")
    assert site.ended(waits_for_a_slot.id).state == "cancelled"
