"""What an operator finds of a run in Prefect: its name, its tags, its end, what it left."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.conftest import Site, stf_message
from tests.e2e.deployments.worker.looks import sampling_request
from tests.waiting import wait_until

NO_JOB = 4_000_000_000


def logs_of(site: Site, flow_run_id: str) -> str:
    """The run's log; a process sends it behind everything else."""
    wanted = {"logs": {"flow_run_id": {"any_": [flow_run_id]}}}

    def found() -> str:
        lines = "\n".join(each["message"] for each in site.ask("POST", "/logs/filter", **wanted))
        return lines if "Finished in state" in lines else ""

    return wait_until(found)


def artifacts_of(site: Site, flow_run_id: str) -> list[dict[str, Any]]:
    wanted = {"artifacts": {"flow_run_id": {"any_": [flow_run_id]}}}
    return wait_until(lambda: site.ask("POST", "/artifacts/filter", **wanted))


def test_a_job_that_panda_does_not_know_ends_its_run_as_not_found_in_a_line(site: Site):
    request = site.ended(site.trigger("fetch_payload_log", pandaid=NO_JOB))
    run = site.run_ended(str(request.flow_run_id))
    assert request.state == "failed"
    assert (run["state_name"], run["state"]["message"]) == ("NotFound", request.error)
    assert "FAILED" not in {each["state_type"] for each in tasks_of(site, run["id"])}
    log = logs_of(site, run["id"])
    assert "Traceback" not in log
    assert f"Finished in state NotFound('{request.error}'" in log
    assert run["name"] == f"fetch log {NO_JOB} #{request.id}"
    assert {"action:fetch_payload_log", f"request:{request.id}", "prodops"} <= set(run["tags"])
    [summary] = artifacts_of(site, run["id"])
    assert (summary["key"], summary["type"]) == (f"fetch-payload-log-{NO_JOB}", "markdown")
    assert f"{site.stack.api_url}/panda/jobs/{NO_JOB}/log/" in summary["data"]


@pytest.mark.slow
def test_a_run_whose_worker_was_killed_leaves_a_summary_too(site: Site, namespace: str):
    site.send(stf_message(namespace, 1))
    lost = sampling_request(site, namespace)
    site.kill("worker")
    [summary] = artifacts_of(site, str(lost.flow_run_id))
    assert summary["type"] == "markdown"
    again = site.ended(lost.id)
    assert (again.state, again.flow_run_id != lost.flow_run_id) == ("completed", True)


def tasks_of(site: Site, flow_run_id: str) -> list[dict[str, Any]]:
    wanted = {"flow_runs": {"id": {"any_": [flow_run_id]}}}
    return wait_until(lambda: site.ask("POST", "/task_runs/filter", **wanted))


def test_a_run_started_in_prefect_is_named_for_its_request(site: Site):
    run = site.run_ended(site.start_in_prefect("check_pipeline"))
    (request,) = site.requests(flow_run_id=run["id"])
    assert run["name"] == f"check pipeline #{request.id}"
    assert {f"request:{request.id}", "by:prefect"} <= set(run["tags"])


@pytest.mark.slow
def test_a_local_run_that_is_refused_says_so_in_a_line(site: Site):
    done = site.cli("run", "fetch_payload_log", "-p", f"pandaid={NO_JOB + 1}", "--local")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("prodops: NotFound: ")


def retry(site: Site, flow_run_id: str) -> None:
    """Retry a run that has ended, as the button in Prefect's UI does."""
    state = {"type": "SCHEDULED", "name": "AwaitingRetry", "message": "Retry from the UI"}
    site.ask("POST", f"/flow_runs/{flow_run_id}/set_state", state=state)


@pytest.mark.slow
def test_a_run_that_is_retried_in_prefect_goes_on_under_a_request_or_says_what_to_do(site: Site):
    ours = site.ended(site.trigger("check_pipeline"))
    run, before = site.run_ended(str(ours.flow_run_id)), len(site.requests())
    artifacts_of(site, run["id"])  # the worker has written down how it ended
    retry(site, run["id"])
    told = wait_until(lambda: site.run_ended(run["id"])["state"]["message"])
    assert told.startswith(f"this attempt at request {ours.id} is over; to do it again")
    assert len(site.requests()) == before

    prefects = site.run_ended(site.start_in_prefect("check_pipeline"))
    artifacts_of(site, prefects["id"])
    retry(site, prefects["id"])
    first, second = wait_until(lambda: _two(site.requests(flow_run_id=prefects["id"])))
    assert site.ended(second.id).state == site.ended(first.id).state == "completed"
    assert site.run_ended(prefects["id"])["state_name"] == "Completed"


def _two(requests: list[Any]) -> list[Any]:
    return requests if len(requests) == 2 else []
