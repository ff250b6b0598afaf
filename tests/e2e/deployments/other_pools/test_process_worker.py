"""Runs that Prefect's own process worker starts, on the shared stack: ended like any other."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import psutil
import pytest

from deployments import catalogue
from deployments.bench.common.process_worker import ProcessWorker, environment, process_worker
from flows.common import actions, handovers, requests
from flows.common.callers import on_ops_side
from flows.common.database import now, transaction
from flows.common.models import Request, RequestState
from tests.e2e.conftest import Site, is_alive
from tests.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

POOL = "elsewhere"
LEAST = ("PRODOPS_DATABASE_URL", "PRODOPS_DATABASE_PASSFILE", "PRODOPS_STATE_DIR")
STAYING = {"PRODOPS_FASTMON_IDLE_SECONDS": "120", "PRODOPS_FASTMON_RUN_SECONDS": "120"}
"""A sampling run without STFs goes on for so long."""


@dataclass
class Elsewhere:
    """A pool of type process, its worker, and the deployments of actions in it."""

    site: Site
    worker: ProcessWorker
    environment: dict[str, str]

    def deployment(self, action: str) -> str:
        """A second deployment of the action's flow, in this pool."""
        flow = self.site.ask("POST", "/flows/", name=action.replace("_", "-"))
        described = {"entrypoint": catalogue.entrypoint_of(action), "work_pool_name": POOL}
        made = self.site.ask(
            "POST", "/deployments/", name=f"{action}-{POOL}", flow_id=flow["id"], **described
        )
        return str(made["id"])

    def start(self, action: str, **parameters: Any) -> str:
        """Start a run as Prefect's UI does."""
        path = f"/deployments/{self.deployment(action)}/create_flow_run"
        return str(self.site.ask("POST", path, parameters=parameters, **SCHEDULED)["id"])

    def hand_over(self, action: str, state: dict[str, Any], **parameters: Any) -> Request:
        """A request that is held for the pool, with its run, as a dispatcher makes them."""
        wanted = actions.get(action)
        with transaction(self.site.engine) as session:
            form = wanted.parse(parameters)
            made = requests.accept(session, wanted, form, caller=on_ops_side("me"), source="test")
            request = session.get_one(Request, made.id)
            request.state, request.worker = RequestState.CLAIMED, handovers.holder(POOL)
            request.attempts, request.claimed_at = 1, now()
            request.lease_until = now() + timedelta(minutes=10)  # nobody renews it here
        path = f"/deployments/{self.deployment(action)}/create_flow_run"
        key = f"{made.id}:1"
        run = self.site.ask("POST", path, parameters=parameters, idempotency_key=key, **state)
        with transaction(self.site.engine) as session:
            session.get_one(Request, made.id).flow_run_id = uuid.UUID(run["id"])
        return self.site.request(made.id)

    def running(self, request_id: int) -> psutil.Process:
        """The process of the request, once it has taken it."""
        request = self.site.running(request_id)
        return psutil.Process(int(str(request.worker).rpartition(":")[2]))


SCHEDULED = {"state": {"type": "SCHEDULED", "state_details": {}}}
PENDING = {"state": {"type": "PENDING"}}


@pytest.fixture(scope="module")
def elsewhere(shared_site: Site) -> Iterator[Elsewhere]:
    stack = shared_site.stack
    given = {name: stack.environment("ops")[name] for name in LEAST} | STAYING
    with process_worker(stack, POOL, given, poll_seconds=0.5) as worker:
        wait_until(lambda: shared_site.prefect.get(f"/work_pools/{POOL}").is_success)
        known = environment(stack, stack.state_dir / POOL, poll_seconds=1)
        yield Elsewhere(shared_site, worker, known | given)


def test_a_run_that_was_started_in_prefect_gets_a_request_that_it_completes(site, elsewhere):
    run = elsewhere.start("prune_history")
    assert site.run_ended(run)["state_name"] == "Completed"
    [request] = site.requests(flow_run_id=uuid.UUID(run))
    assert (request.state, request.source) == ("completed", "prefect")
    assert site.flow_run(run)["name"] == f"prune history #{request.id}"


def test_a_request_that_was_handed_over_is_completed(site, elsewhere):
    request = elsewhere.hand_over("check_pipeline", SCHEDULED)
    assert site.ended(request.id).state == RequestState.COMPLETED
    assert site.run_ended(str(request.flow_run_id))["state_name"] == "Completed"


def test_of_two_processes_of_one_run_one_works_and_the_other_changes_nothing(site, elsewhere):
    request = elsewhere.hand_over("check_pipeline", PENDING)
    command = [sys.executable, "-m", "prefect.engine", str(request.flow_run_id)]
    both = [subprocess.Popen(command, env=elsewhere.environment) for _ in range(2)]
    assert [each.wait(90) for each in both] == [0, 0]
    assert site.request(request.id).state == RequestState.COMPLETED
    assert site.run_state(request.flow_run_id) == "Completed"
    assert len(site.events(request_id=request.id, msg_type="pipeline_checked")) <= 1


def test_a_killed_process_leaves_nothing_behind_and_its_request_to_another_attempt(
    site, elsewhere, namespace
):
    request = elsewhere.hand_over("sample_stfs", SCHEDULED, namespace=namespace)
    process = elsewhere.running(request.id)
    session = os.getsid(process.pid)
    process.kill()
    wait_until(lambda: site.request(request.id).attempts == 2)
    assert site.run_state(request.flow_run_id) == "Crashed"
    wait_until(lambda: not any(_session(each) == session for each in psutil.pids()))
    site.ended(request.id)


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


def test_a_cancellation_over_rest_ends_run_process_and_request(site, elsewhere, namespace):
    request = elsewhere.hand_over("sample_stfs", SCHEDULED, namespace=namespace)
    process = elsewhere.running(request.id)
    site.api.post(f"/api/requests/{request.id}/cancel/")
    assert site.ended(request.id).state == RequestState.CANCELLED
    assert site.run_ended(str(request.flow_run_id))["state_name"] == "Cancelled"
    wait_until(lambda: not is_alive(process.pid))


def test_a_cancellation_in_prefect_ends_process_and_request(site, elsewhere, namespace):
    request = elsewhere.hand_over("sample_stfs", SCHEDULED, namespace=namespace)
    process = elsewhere.running(request.id)
    cancelling = {"type": "CANCELLING", "name": "Cancelling"}
    site.ask("POST", f"/flow_runs/{request.flow_run_id}/set_state", state=cancelling)
    assert site.ended(request.id).state == RequestState.CANCELLED
    wait_until(lambda: not is_alive(process.pid))


def test_a_process_whose_request_was_taken_away_ends_itself(site, elsewhere, namespace):
    request = elsewhere.hand_over("sample_stfs", SCHEDULED, namespace=namespace)
    process = elsewhere.running(request.id)
    with transaction(site.engine) as session:
        taken = session.get_one(Request, request.id)
        taken.state, taken.attempts, taken.worker = RequestState.CANCELLED, 2, None
        taken.lease_until, taken.finished_at = None, now()
    wait_until(lambda: not is_alive(process.pid))
    assert site.request(request.id).attempts == 2


def test_where_prefects_worker_is_killed_the_run_goes_on(site, elsewhere, namespace):
    request = elsewhere.hand_over("sample_stfs", SCHEDULED, namespace=namespace)
    process = elsewhere.running(request.id)
    worker = elsewhere.worker.process
    assert worker is not None
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait(10)
    assert is_alive(process.pid)
    process.kill()  # now both are gone, and only the sweeper of the warm worker is left
    wait_until(lambda: site.request(request.id).attempts == 2)
    site.ended(request.id)
