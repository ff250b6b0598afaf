"""What is deleted or edited at Prefect, while the worker serves on."""

from __future__ import annotations

import json

import pytest

from flows.common.models import Request
from tests.e2e.conftest import Site, stf_message
from tests.e2e.deployments.worker.looks import sampling_request
from tests.waiting import wait_until

pytestmark = pytest.mark.e2e


# ------------------------------------------------------------------ what was deleted at Prefect


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
