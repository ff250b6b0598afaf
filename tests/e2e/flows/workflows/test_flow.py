"""Workflows on a whole stack: asked for over REST, killed, cancelled and stopped in the middle."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest
from sqlalchemy import text

from flows.common.database import transaction
from tests.e2e.conftest import Site
from tests.support.workflows import QUICK
from tests.waiting import wait_until

pytestmark = pytest.mark.e2e


def asked(namespace: str, stfs: int, interval: float) -> dict[str, Any]:
    counted = {"stf_count": stfs, "stf_interval": interval}
    return {"namespace": namespace, **counted, "overrides": QUICK}


def kinds(site: Site, namespace: str) -> list[str]:
    return [event.msg_type for event in site.events(namespace=namespace)]


def generated(site: Site, namespace: str) -> list[int]:
    events = site.events(namespace=namespace, msg_type="stf_gen")
    return [event.payload["sequence"] for event in events]


def execution(site: Site, namespace: str) -> dict[str, Any]:
    with transaction(site.engine) as session:
        query = text("SELECT * FROM swf_workflow_executions WHERE namespace = :namespace")
        return dict(session.execute(query, {"namespace": namespace}).mappings().one())


def test_a_run_is_played_and_its_request_says_so(site: Site, namespace: str):
    ended = site.ended(site.trigger("run_workflow", **asked(namespace, 3, 0.2)))
    assert (ended.state, ended.error) == ("completed", None)
    assert kinds(site, namespace) == [
        "run_imminent", "start_run", "stf_gen", "stf_gen", "stf_gen", "end_run"
    ]  # fmt: skip
    assert ended.result["execution_id"] == execution(site, namespace)["execution_id"]
    assert execution(site, namespace)["status"] == "completed"


def test_a_run_whose_process_is_killed_goes_on_with_nothing_lost_or_doubled(
    site: Site, namespace: str
):
    request_id = site.trigger("run_workflow", **asked(namespace, 12, 0.2))
    wait_until(lambda: len(generated(site, namespace)) >= 3)
    for process in site.runs():
        os.kill(process.pid, signal.SIGKILL)
    ended = site.ended(request_id)
    assert (ended.state, ended.attempts) == ("completed", 2)
    assert generated(site, namespace) == list(range(1, 13))
    assert [kinds(site, namespace).count(each) for each in ("run_imminent", "end_run")] == [1, 1]
    assert execution(site, namespace)["status"] == "completed"


@pytest.mark.slow
def test_a_run_survives_the_kill_of_its_worker(site: Site, namespace: str):
    request_id = site.trigger("run_workflow", **asked(namespace, 12, 0.2))
    wait_until(lambda: len(generated(site, namespace)) >= 3)
    site.kill("worker")
    assert site.ended(request_id).state == "completed"
    assert generated(site, namespace) == list(range(1, 13))
    assert kinds(site, namespace).count("end_run") == 1


def test_a_cancelled_run_has_its_end_run(site: Site, namespace: str):
    request_id = site.trigger("run_workflow", **asked(namespace, 3, 600))
    wait_until(lambda: generated(site, namespace) == [1])
    assert site.api.post(f"/api/requests/{request_id}/cancel/").status_code == 202
    assert site.ended(request_id).state == "cancelled"
    (end,) = site.events(namespace=namespace, msg_type="end_run")
    assert end.payload["total_stf_files"] == 1
    found = execution(site, namespace)
    assert (found["status"], found["end_time"] is not None) == ("terminated", True)


def test_a_stopped_run_ends_at_once_with_its_end_run(site: Site, namespace: str):
    request_id = site.trigger("run_workflow", **asked(namespace, 3, 600))
    wait_until(lambda: generated(site, namespace) == [1])
    assert site.ended(site.trigger("stop_workflow", namespace=namespace)).state == "completed"
    ended = site.ended(request_id)
    assert (ended.state, ended.result["status"]) == ("completed", "terminated")
    assert kinds(site, namespace)[-1] == "end_run"
    refused = site.api.post("/api/actions/stop_workflow/", json={"namespace": namespace})
    assert refused.status_code == 409
