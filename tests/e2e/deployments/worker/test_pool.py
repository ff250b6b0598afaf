"""The worker on a whole stack: every way to start a run, to end it, and to bound it."""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from flows.common import actions, claiming, holding
from flows.common.callers import on_ops_side
from flows.common.claims import Claim
from flows.common.database import transaction
from flows.common.models import Request, RequestState
from tests.e2e.conftest import Feeder, Site, is_alive, stf_message
from tests.waiting import PATIENCE, stays, wait_until

pytestmark = pytest.mark.e2e


def sampling_request(site: Site, namespace: str) -> Request:
    """The namespace's request that runs now, once its flow has said that it began."""

    def find() -> list[Request]:
        running = site.requests(subject=namespace, state=RequestState.RUNNING)
        began = {event.request_id for event in site.events(msg_type="fastmon_status")}
        return [each for each in running if each.id in began]

    return wait_until(find)[-1]


# ------------------------------------------------------------------ ways to start


def test_a_trigger_over_rest_completes_with_its_result(site: Site):
    request = site.ended(site.trigger("check_pipeline"))
    assert (request.state, request.error, request.attempts) == ("completed", None, 1)
    assert request.result["trigger_to_start_s"] < 5
    run = site.run_ended(str(request.flow_run_id))
    assert (run["state_type"], run["idempotency_key"]) == ("COMPLETED", f"{request.id}:1")


@pytest.mark.slow
def test_the_command_waits_for_the_end_and_exits_0(site: Site):
    done = site.cli("run", "check_pipeline", "--wait")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].endswith("completed")


@pytest.mark.slow
def test_a_local_run_needs_no_worker(site: Site):
    done = site.cli("run", "check_pipeline", "--local", "--json")
    assert done.returncode == 0, done.stderr
    row = json.loads(done.stdout.splitlines()[-1])
    assert (row["state"], row["source"]) == ("completed", "local")


def test_a_run_started_in_prefect_gets_a_request_of_its_own(site: Site):
    run = site.start_in_prefect("check_pipeline")
    assert site.run_ended(run)["state_type"] == "COMPLETED"
    (request,) = site.requests(flow_run_id=run)
    assert (request.state, request.source, request.requested_by) == (
        "completed",
        "prefect",
        "prefect",
    )


def test_a_run_started_in_prefect_joins_the_open_request_and_names_it(
    site: Site, namespace: str, feed: Feeder
):
    request = sampling_request(site, namespace)
    run = site.run_ended(site.start_in_prefect("sample_stfs", namespace=namespace))
    assert run["state_type"] == "COMPLETED"
    assert run["state"]["message"].startswith("joined request ")
    joined = int(run["state"]["message"].split()[2].rstrip(","))
    assert joined >= request.id
    assert joined in {each.id for each in site.requests(subject=namespace)}
    assert run["run_count"] == 0


def test_a_run_started_in_prefect_with_parameters_of_no_form_is_invalid_and_says_why(site: Site):
    run = site.run_ended(site.start_in_prefect("read_did", scope="no scope", name="/a/name"))
    assert (run["state_type"], run["state_name"]) == ("CANCELLED", "Invalid")
    assert "scope" in run["state"]["message"]
    assert site.requests(flow_run_id=run["id"]) == []


def test_prefect_refuses_a_parameter_that_the_form_does_not_have(site: Site):
    with pytest.raises(httpx.HTTPStatusError) as refusal:
        site.start_in_prefect("check_pipeline", surprise=1)
    assert refusal.value.response.status_code == 409
    assert "surprise" in refusal.value.response.text


def test_a_scheduled_run_starts_at_its_time_under_its_own_request(site: Site):
    at = datetime.now(UTC) + timedelta(seconds=3)
    run = site.run_ended(site.start_in_prefect("check_pipeline", at=at))
    assert run["state_type"] == "COMPLETED"
    # Prefect's worker waits by a clock that may be some tenths of a second off the system's.
    assert datetime.fromisoformat(run["start_time"]) > at - timedelta(seconds=1)
    assert [each.state for each in site.requests(flow_run_id=run["id"])] == ["completed"]


def test_prefect_plans_the_nightly_tidying(site: Site):
    """Its scheduler, which looks once a minute, gets on with our database driver."""
    wanted = {
        "deployments": {"name": {"any_": ["prune_history"]}},
        "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}},
    }
    wait_until(lambda: site.prefect.post("/flow_runs/filter", json=wanted).json(), 90, pause=0.5)


def test_an_stf_alone_starts_a_run_that_samples_it_and_ends(site: Site, namespace: str):
    assert site.send(stf_message(namespace, 1)).status_code == 201
    (request,) = site.requests(subject=namespace)
    assert site.ended(request.id).result["tfs"] == 7
    assert site.inbox(namespace) == {f"swf.{namespace}.000001.stf": "sampled"}


# ------------------------------------------------------------------ cancelling


def cancelled(site: Site, namespace: str, how: Any) -> Request:
    """A sampling run under a steady stream, cancelled; nothing of it goes on."""
    request = sampling_request(site, namespace)
    processes = site.runs()
    how(request)
    request = site.ended(request.id)
    wait_until(lambda: not any(is_alive(each.pid) for each in processes))
    return request


def test_a_cancellation_over_rest_ends_the_run_as_cancelled(
    site: Site, namespace: str, feed: Feeder
):
    request = cancelled(site, namespace, lambda it: site.api.post(f"/api/requests/{it.id}/cancel/"))
    assert (request.state, request.error) == ("cancelled", "cancelled")
    assert site.run_state(request.flow_run_id) == "Cancelled"
    statuses = [event.payload["status"] for event in site.events(request_id=request.id)
                if event.msg_type == "fastmon_status"]  # fmt: skip
    assert statuses == ["started", "failed"]


def test_a_cancellation_in_prefect_ends_run_and_request_as_cancelled(
    site: Site, namespace: str, feed: Feeder
):
    def cancel(request: Request) -> None:
        path = f"/flow_runs/{request.flow_run_id}/set_state"
        site.ask("POST", path, state={"type": "CANCELLING", "name": "Cancelling"})

    request = cancelled(site, namespace, cancel)
    assert request.state == "cancelled"
    assert site.run_state(request.flow_run_id) == "Cancelled"


def test_what_a_cancelled_run_left_waiting_is_sampled_by_the_next(
    site: Site, namespace: str, feed: Feeder
):
    first = cancelled(site, namespace, lambda it: site.api.post(f"/api/requests/{it.id}/cancel/"))
    assert sampling_request(site, namespace).id > first.id
    feed.__exit__()
    wait_until(lambda: set(site.inbox(namespace).values()) == {"sampled"})
    assert set(feed.accepted) == set(site.inbox(namespace))


@pytest.mark.parametrize(
    "turn", [0, pytest.param(1, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow)]
)
def test_a_request_cancelled_in_its_first_moments_does_not_run_on(
    site: Site, namespace: str, feed: Feeder, turn: int
):
    """At whatever moment of its start the wish comes: queued, claimed, or just running."""
    request = wait_until(lambda: site.requests(subject=namespace))[0]
    wanted = (RequestState.QUEUED, RequestState.CLAIMED, RequestState.RUNNING)[turn]
    wait_until(lambda: site.state(request.id) != RequestState.QUEUED or turn == 0)
    wait_until(lambda: site.state(request.id) == RequestState.RUNNING or wanted != "running")
    site.api.post(f"/api/requests/{request.id}/cancel/")
    assert site.ended(request.id, 15).state == RequestState.CANCELLED


def test_cancelling_what_has_ended_changes_nothing(site: Site):
    request_id = site.trigger("check_pipeline")
    site.ended(request_id)
    answer = site.api.post(f"/api/requests/{request_id}/cancel/")
    assert (answer.status_code, answer.json()["state"]) == (202, "completed")


# ------------------------------------------------------------------ limits and pause


def most_at_once(runs: list[dict[str, Any]]) -> int:
    steps = [(run["start_time"], 1) for run in runs] + [(run["end_time"], -1) for run in runs]
    return max(itertools.accumulate(step for _, step in sorted(steps)))


def is_held_back(site: Site, request_id: int) -> bool:
    """Whether a trigger waits: the worker has seen the pause by then."""
    return stays(lambda: site.state(request_id) == RequestState.QUEUED, 1.5)


@pytest.mark.parametrize(
    ("pool_limit", "most"), [(2, 2), pytest.param(None, 4, marks=pytest.mark.slow)]
)
def test_a_paused_pool_starts_nothing_and_resumed_keeps_its_limit_and_the_workers(
    site: Site, namespace: str, pool_limit: int | None, most: int
):
    """Triggered and scheduled runs together; the worker's own limit is 4."""
    site.configure_pool(is_paused=True, concurrency_limit=pool_limit)
    try:
        wait_until(lambda: is_held_back(site, site.trigger("check_pipeline")))
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

    def waits_for(request_id: int) -> str | None:
        return site.api.get(f"/api/requests/{request_id}/").json()["waits_for"]

    with closing(site) as reason:
        wait_until(lambda: waits_for(site.trigger("prune_history")) == reason, pause=0.3)
        [held] = site.requests(action="prune_history", state=RequestState.QUEUED)
        assert site.ended(site.trigger("check_pipeline")).state == "completed"
    ended = site.ended(held.id)
    assert (ended.state, ended.error) == ("completed", None)


@pytest.fixture
def waits_for_a_slot(site: Site) -> Iterator[Request]:
    """A request whose run waits for its deployment's only slot, which the test holds."""
    slot = {"names": [f"deployment:{site.deployment('prune_history')}"], "slots": 1}
    site.ask("POST", "/v2/concurrency_limits/increment", **slot, mode="concurrency")
    try:
        request_id = site.trigger("prune_history")
        run = wait_until(lambda: site.request(request_id).flow_run_id)
        wait_until(lambda: site.run_state(run) == "AwaitingConcurrencySlot")
        yield site.request(request_id)
    finally:
        with suppress(httpx.HTTPStatusError):  # its deployment was deleted, and the limit with it
            site.ask("POST", "/v2/concurrency_limits/decrement", **slot)


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


# ------------------------------------------------------------------ a second of the name


@pytest.mark.slow
def test_a_second_worker_of_the_name_is_refused_with_one_line(site: Site, tmp_path: Path):
    environment = {**site.stack.environment("ops"), "PRODOPS_STATE_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "deployments.cli", "worker"]
    second = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert (second.returncode, len(second.stderr.splitlines())) == (2, 1), second.stderr
    assert "runs already on this database" in second.stderr
    assert site.ended(site.trigger("check_pipeline")).state == "completed"


# ------------------------------------------------------------------ drain


@pytest.mark.slow
def test_a_worker_that_is_told_to_stop_hands_its_sampling_back_to_the_next(
    site: Site, namespace: str, feed: Feeder
):
    request = sampling_request(site, namespace)
    worker = psutil.Process(site.stack.pid("worker"))
    guardian, processes = site.guardian(), site.runs()
    os.kill(worker.pid, signal.SIGTERM)
    wait_until(lambda: not is_alive(worker.pid))
    wait_until(lambda: not any(is_alive(each.pid) for each in (guardian, *processes)))
    assert wait_until(lambda: exit_of(site, worker.pid), 5) == "exit status 0"
    again = site.ended(request.id)
    assert (again.state, again.attempts >= 2) == ("completed", True)
    feed.__exit__()
    wait_until(lambda: set(site.inbox(namespace).values()) == {"sampled"})


def exit_of(site: Site, pid: int) -> str | None:
    """How supervisord says that the worker with that pid ended."""
    log = site.stack.layout.supervisor_log.read_text()
    ended = log.partition(f"'worker' with pid {pid}\n")[2]
    found = re.search(r"exited: worker \(([^;)]+)", ended)
    return found[1] if found else None


# ------------------------------------------------------------------ a steady stream


@pytest.mark.slow
def test_a_steady_stream_leaves_a_run_each_run_seconds_and_no_gap_at_the_hand_over(
    site: Site, namespace: str
):
    with Feeder(site.stack.api_url, site.token, [namespace], rate_hz=20) as feeder:
        wait_until(lambda: len(site.requests(subject=namespace)) >= 3)
        sampling_request(site, namespace)
    wait_until(lambda: set(site.inbox(namespace).values()) == {"sampled"})
    wait_until(site.is_quiet)
    names = [name for name in site.tf_names() if f".{namespace}." in name]
    assert len(names) == len(set(names)) == 7 * len(set(feeder.accepted))
    told = site.events(msg_type="tf_file_registered", namespace=namespace)
    assert Counter(event.payload["tf_filename"] for event in told).most_common(1)[0][1] == 1
    gaps = [later.at - one.at for one, later in itertools.pairwise(told)]
    assert max(gaps) < timedelta(seconds=2)
    lives = [each.finished_at - each.started_at for each in site.requests(subject=namespace)[:-1]]
    assert all(timedelta(seconds=4) < life < timedelta(seconds=15) for life in lives)


# ------------------------------------------------------------------ the relay


def told_states(site: Site, flow_run_id: Any) -> Counter[str]:
    told = site.events(msg_type="flow_run_state", flow_run_id=flow_run_id)
    return Counter(event.payload["state_name"] for event in told)


def has_been_told(site: Site, flow_run_id: Any) -> Counter[str]:
    """The states that were told, once they are all of Prefect's."""
    site.run_ended(flow_run_id)  # a flow ends its request before Prefect completes the run
    actual = Counter(state["name"] for state in site.states_of(flow_run_id))
    wait_until(lambda: told_states(site, flow_run_id) >= actual)
    return told_states(site, flow_run_id) - actual


def test_every_state_of_a_run_becomes_one_event_that_names_its_request(site: Site):
    ends = [site.ended(site.trigger("check_pipeline")) for _ in range(3)]
    for request in ends:
        assert not has_been_told(site, request.flow_run_id)
        told = site.events(msg_type="flow_run_state", flow_run_id=request.flow_run_id)
        assert {event.request_id for event in told} == {request.id}
        assert {event.payload["action"] for event in told} == {"check_pipeline"}
        assert [event.payload["state_name"] for event in told][-1] == "Completed"


def test_a_domain_event_is_in_prefects_feed_with_its_request_as_a_resource(site: Site):
    """Prefect takes up to 5 s to show it."""
    request = site.ended(site.trigger("fetch_payload_log", pandaid=999_999_999))
    wanted = {"related": {"id": [f"prodops.request.{request.id}"]}}

    def found() -> list[dict[str, Any]]:
        return list(site.ask("POST", "/events/filter", filter=wanted)["events"])

    [event] = wait_until(found)
    assert event["event"] == "prodops.payload_log.failed"
    assert event["resource"]["prefect.resource.id"] == "prodops.job.999999999"
    assert event["payload"]["reason"]


@pytest.mark.slow
def test_states_taken_while_the_relay_was_away_are_told_once(
    site: Site, namespace: str, feed: Feeder
):
    request = sampling_request(site, namespace)
    site.stack.stop_part("relay")
    missed = site.ended(site.trigger("check_pipeline"))
    feed.__exit__()
    site.ended(request.id)
    site.stack.start_part("relay")
    site.kill("relay")
    for each in (request, missed):
        assert not has_been_told(site, site.request(each.id).flow_run_id)
