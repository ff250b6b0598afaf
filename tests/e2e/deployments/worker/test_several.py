"""Many requests and two workers on a whole stack, and rows that no run can be made of."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from flows.common import actions, claiming, holding
from flows.common.callers import on_ops_side
from flows.common.claims import Claim
from flows.common.database import transaction
from flows.common.models import Request, RequestState
from tests.e2e.conftest import Site
from tests.waiting import PATIENCE, stays, wait_until

pytestmark = pytest.mark.e2e


# ------------------------------------------------------------------ several at a time


@pytest.mark.slow
def test_a_burst_of_triggers_runs_each_once(site: Site):
    triggered = [site.trigger("check_pipeline") for _ in range(20)]
    ends = [site.ended(each) for each in triggered]
    assert {(end.state, end.attempts, end.error) for end in ends} == {("completed", 1, None)}


@pytest.mark.slow
def test_two_workers_share_the_queue_and_take_nothing_from_each_other(site: Site):
    environment = {**site.stack.environment("ops"), "PRODOPS_WORKER_NAME": "second"}
    ends: list[Request] = []

    def has_shared() -> bool:
        burst = [site.trigger("check_pipeline") for _ in range(12)]  # more than one takes
        ends.extend(site.ended(each) for each in burst)
        return len({end.worker for end in ends}) == 2

    with process_of(["worker"], environment) as second:
        wait_until(has_shared, 3 * PATIENCE)  # the second worker imports everything first
        wait_until(has_shared)
        second.terminate()
        assert second.wait(20) == 0
    assert {(end.state, end.attempts, end.error) for end in ends} == {("completed", 1, None)}


@pytest.mark.slow
def test_a_run_that_another_worker_holds_is_left_to_it_and_one_given_up_is_cancelled(site: Site):
    held = held_elsewhere(site)
    path = f"/deployments/{site.deployment('check_pipeline')}/create_flow_run"
    run = site.ask("POST", path, idempotency_key=f"{held.request_id}:1")["id"]
    assert stays(lambda: site.run_state(run) == "Scheduled", 3)
    with transaction(site.engine) as session:
        holding.finish(session, held, RequestState.FAILED, error="the test is over")
    assert f"request {held.request_id} is over" in site.run_ended(run)["state"]["message"]


def held_elsewhere(site: Site) -> Claim:
    """A request that a worker of another machine holds."""
    with transaction(site.engine) as session:
        action = actions.get("check_pipeline")
        request = claiming.claim_new(
            session, action, action.parse({}), caller=on_ops_side("test"), source="test",
            worker="other@elsewhere", lease_seconds=60,
        )  # fmt: skip
        assert request is not None
        return Claim(request.id, 1)


@contextmanager
def process_of(words: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "deployments.cli", *words]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()


# ------------------------------------------------------------------ bad rows


def insert(site: Site, action: str, parameters: Any) -> int:
    """A row that passed no door of ours."""
    with transaction(site.engine) as session:
        row = Request(action=action, parameters=parameters, requested_by="me", source="test")
        session.add(row)
        session.flush()
        return row.id


def test_rows_that_no_run_can_be_made_of_fail_with_the_reason_and_the_worker_serves_on(site: Site):
    worker = site.stack.pid("worker")
    shapes = {"submit_task": {}, "fetch_payload_log": [], "read_did": "x", "sample_stfs": None}
    bad = {action: insert(site, action, parameters) for action, parameters in shapes.items()}
    strange = insert(site, "no_such", {})
    assert site.ended(site.trigger("check_pipeline")).state == "completed"
    for action, request_id in bad.items():
        ended = site.ended(request_id)
        assert (ended.state, ended.attempts) == ("failed", 1), action
        assert "not of the action's form" in ended.error, action
    assert site.state(strange) == "queued"
    page = site.api.get(f"/requests/{strange}/").text
    assert "no worker of this version knows the action no_such" in page
    assert site.api.post(f"/api/requests/{strange}/cancel/").status_code == 202
    assert site.ended(strange).state == "cancelled"
    assert site.stack.pid("worker") == worker
