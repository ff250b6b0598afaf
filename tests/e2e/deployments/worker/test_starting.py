"""Every way to start a run on a whole stack."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.e2e.conftest import Feeder, Site, stf_message
from tests.e2e.deployments.worker.looks import sampling_request
from tests.waiting import wait_until

pytestmark = pytest.mark.e2e


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


@pytest.mark.slow
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
