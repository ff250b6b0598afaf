"""Any pool, whole: dispatcher, Prefect's own process worker, and what ends its runs in which time.

The times are those of the table in docs/how-to/use-another-pool.md, by the default settings.
"""

from __future__ import annotations

import json
import os
import signal
import uuid
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from flows.common.models import Request, RequestState
from tests.e2e.conftest import Site, is_alive
from tests.e2e.deployments.other_pools.elsewhere import (
    POOL,
    Elsewhere,
    documented_seconds,
    elsewhere_of,
    request_with_a_run,
)
from tests.trace_receiver import Receiver, trace_receiver
from tests.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow]  # a stack of its own, and cold starts

CANCELLED_SECONDS = documented_seconds("Its request is cancelled")
LIMIT_SECONDS = documented_seconds("Its time is up")  # beyond the limit
STUCK_SECONDS = documented_seconds("It holds Python's interpreter")
OTHER_ATTEMPT_SECONDS = documented_seconds("Another attempt has its request")
KILLED_SECONDS = documented_seconds("Its process is killed")
NODE_SECONDS = documented_seconds("Its process and Prefect's worker are killed")


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with trace_receiver() as found:
        yield found


@pytest.fixture(scope="module")
def shared_elsewhere(receiver: Receiver) -> Iterator[Elsewhere]:
    given = {"PRODOPS_TRACES_URL": receiver.url, "PRODOPS_LOG_FORMAT": "json"}
    with elsewhere_of(given) as found:
        yield found


@pytest.fixture
def elsewhere(shared_elsewhere: Elsewhere) -> Iterator[Elsewhere]:
    yield shared_elsewhere
    wait_until(shared_elsewhere.site.is_quiet)


@pytest.fixture
def site(elsewhere: Elsewhere) -> Site:
    return elsewhere.site


def ended_within(seconds: float, site: Site, request: Request, state: RequestState) -> Request:
    """The request, once it and its flow run have ended; in time, and so."""
    ended = site.ended(request.id, seconds)
    assert ended.state == state, ended.error
    wait_until(lambda: site.flow_run(request.flow_run_id)["state_type"] in ENDS, seconds)
    return ended


ENDS = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


# ------------------------------------------------------------------ what it does


def test_a_request_is_handed_over_and_its_run_completes_it_in_one_trace(
    site: Site, elsewhere: Elsewhere, receiver: Receiver
):
    ended = site.ended(site.trigger("check_pipeline"))
    assert (ended.state, ended.attempts) == (RequestState.COMPLETED, 1)
    run = site.run_ended(str(ended.flow_run_id))
    assert (run["state_name"], run["work_pool_name"]) == ("Completed", POOL)
    assert run["deployment_id"] == site.deployment("check_pipeline")

    trace = (ended.traceparent or "").split("-")[1]

    def found() -> list[tuple[str, str]]:
        return [(each.service, each.name) for each in receiver.spans if each.trace_id == trace]

    wait_until(lambda: ("prodops-run", "check_pipeline") in found())
    wait_until(lambda: any(service == "prodops-api" for service, _ in found()))
    assert any(service == "prodops-run" and "SELECT" in name for service, name in found())


def test_its_log_lines_are_objects_that_say_what_they_are_about(site: Site, elsewhere: Elsewhere):
    ended = site.ended(site.trigger("check_pipeline"))

    def objects() -> list[dict[str, Any]]:
        lines = (each for each in elsewhere.log.splitlines() if each.startswith('{"timestamp"'))
        return [said for each in lines if (said := json.loads(each)).get("request_id")]

    mine = wait_until(lambda: [x for x in objects() if x["request_id"] == str(ended.id)])
    assert {x["flow_run_id"] for x in mine} == {str(ended.flow_run_id)}
    assert {(x["part"], x["action"]) for x in mine} == {("run", "check_pipeline")}


def test_a_run_that_was_started_in_prefect_gets_a_request_that_it_completes(site: Site):
    run = site.start_in_prefect("prune_history")
    assert site.run_ended(run)["state_name"] == "Completed"
    [request] = site.requests(flow_run_id=uuid.UUID(run))
    assert (request.state, request.source) == ("completed", "prefect")
    assert site.flow_run(run)["name"] == f"prune history #{request.id}"


def test_a_submission_reaches_panda_and_pcs_which_only_blocks_name(elsewhere: Elsewhere):
    named = {name for name in elsewhere.environment if name.startswith("PRODOPS_")}
    assert not [name for name in named if "PANDA" in name or "PCS" in name]
    production = elsewhere.production
    name = production.task()
    event = production.final(production.submit(name))
    assert event.msg_type == "prodtask_submitted", event.payload
    shown = production.show(name)
    panda_name = shown["panda_tasks"][-1]["task_name"]
    assert production.live(panda_name) == [shown["panda_task_id"]]
    assert elsewhere.site.run_ended(str(event.flow_run_id))["work_pool_name"] == POOL


def test_of_two_processes_of_one_run_one_works_and_the_other_changes_nothing(
    site: Site, elsewhere: Elsewhere
):
    worker = elsewhere.present_worker()
    worker.suspend()
    try:
        request = request_with_a_run(site, site.trigger("check_pipeline"))
        both = [elsewhere.process_for(request) for _ in range(2)]
        assert [each.wait(90) for each in both] == [0, 0]
    finally:
        worker.resume()
    ended = site.request(request.id)
    assert (ended.state, ended.attempts) == (RequestState.COMPLETED, 1)
    assert site.run_state(request.flow_run_id) == "Completed"


def test_a_lease_is_renewed_while_the_run_goes_on(site: Site, elsewhere: Elsewhere):
    """It is longer than the lease of its process, by far."""
    lease = {"PRODOPS_WORKER_LEASE_SECONDS": "6"}
    request, _ = elsewhere.started("take_20_seconds", environment=lease)
    until = {request.lease_until}

    def is_over() -> bool:
        seen = site.request(request.id)
        until.add(seen.lease_until)
        return seen.state in {"completed", "failed"}

    wait_until(is_over, pause=0.2)
    ended = site.request(request.id)
    assert (ended.state, ended.attempts) == (RequestState.COMPLETED, 1)
    assert len(until - {None}) > 4


# ------------------------------------------------------------------ what ends it


@pytest.mark.parametrize("does", ["wait", "hang_in_c"])
def test_a_cancelled_request_ends(site: Site, elsewhere: Elsewhere, does: str):
    request, process = elsewhere.started(does)
    cancelled = site.api.post(f"/api/requests/{request.id}/cancel/")
    assert cancelled.is_success
    ended_within(CANCELLED_SECONDS, site, request, RequestState.CANCELLED)
    gone_within(CANCELLED_SECONDS, process)
    assert site.run_state(request.flow_run_id) == "Cancelled"


def test_a_cancelled_request_ends_where_prefects_worker_does_not_answer(
    site: Site, elsewhere: Elsewhere
):
    request, process = elsewhere.started("swallow")
    worker = elsewhere.present_worker()
    worker.suspend()
    try:
        site.api.post(f"/api/requests/{request.id}/cancel/")
        assert site.ended(request.id, CANCELLED_SECONDS).state == RequestState.CANCELLED
        gone_within(1, process)
    finally:
        worker.resume()


def test_a_run_that_is_cancelled_in_prefect_ends(site: Site, elsewhere: Elsewhere):
    request, process = elsewhere.started("wait")
    cancelling = {"type": "CANCELLING", "name": "Cancelling"}
    site.ask("POST", f"/flow_runs/{request.flow_run_id}/set_state", state=cancelling)
    ended_within(CANCELLED_SECONDS, site, request, RequestState.CANCELLED)
    gone_within(CANCELLED_SECONDS, process)


@pytest.mark.parametrize("does", ["wait", "swallow", "hang_in_c"])
def test_a_run_beyond_its_time_limit_ends(site: Site, elsewhere: Elsewhere, does: str):
    request, process = elsewhere.started(does, limit_seconds=5.0)
    ended = ended_within(5 + LIMIT_SECONDS, site, request, RequestState.FAILED)
    assert ended.error == "timed out after 5 s"
    assert site.run_state(request.flow_run_id) == "TimedOut"
    gone_within(LIMIT_SECONDS, process)


def test_a_run_that_holds_the_interpreter_ends(site: Site, elsewhere: Elsewhere):
    request, process = elsewhere.started("hold_the_interpreter")
    ended_within(STUCK_SECONDS, site, request, RequestState.FAILED)
    gone_within(1, process)


def test_a_process_that_was_taken_for_lost_ends_itself_and_changes_nothing(
    site: Site, elsewhere: Elsewhere
):
    """As where its node stands still for a while."""
    request, process = elsewhere.started("wait")
    node = [process, reaper_of(process)]
    for each in node:
        each.suspend()
    lost = site.ended(request.id, NODE_SECONDS)
    assert lost.state == RequestState.FAILED
    for each in reversed(node):
        each.resume()
    gone_within(OTHER_ATTEMPT_SECONDS, process)
    after = site.request(request.id)
    assert (after.state, after.error, after.attempts) == (lost.state, lost.error, lost.attempts)


def test_a_killed_process_ends_its_request_and_leaves_nothing_behind(
    site: Site, elsewhere: Elsewhere
):
    request, process = elsewhere.started("wait")
    session = os.getsid(process.pid)
    process.kill()
    ended_within(KILLED_SECONDS, site, request, RequestState.FAILED)
    assert site.run_state(request.flow_run_id) == "Crashed"
    wait_until(lambda: not any(_session(each) == session for each in psutil.pids()), KILLED_SECONDS)


def test_where_prefects_worker_is_killed_the_run_goes_on(site: Site, elsewhere: Elsewhere):
    request, process = elsewhere.started("take_20_seconds")
    kill(elsewhere.present_worker())
    assert is_alive(process.pid)
    ended_within(KILLED_SECONDS + 20, site, request, RequestState.COMPLETED)


def test_where_worker_and_process_are_killed_the_request_ends(site: Site, elsewhere: Elsewhere):
    request, process = elsewhere.started("wait")
    kill(elsewhere.present_worker())
    process.kill()
    ended = site.ended(request.id, NODE_SECONDS)
    assert (ended.state, "was lost" in str(ended.error)) == (RequestState.FAILED, True)


def kill(worker: psutil.Process) -> None:
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait(10)


def gone_within(seconds: float, process: psutil.Process) -> None:
    wait_until(lambda: not is_alive(process.pid), seconds)


def reaper_of(process: psutil.Process) -> psutil.Process:
    def found() -> list[psutil.Process]:
        return [each for each in process.children() if "reaper" in " ".join(each.cmdline())]

    return wait_until(found)[0]


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None
