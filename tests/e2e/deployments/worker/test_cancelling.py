"""Runs that are cancelled on a whole stack: over REST, in Prefect, at any moment."""

from __future__ import annotations

from typing import Any

import pytest

from flows.common.models import Request, RequestState
from tests.e2e.conftest import Feeder, Site, is_alive
from tests.e2e.deployments.worker.looks import sampling_request
from tests.waiting import wait_until

pytestmark = pytest.mark.e2e


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


@pytest.mark.slow
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
    ended = site.ended(request.id, 15)
    if ended.state == RequestState.COMPLETED:
        # The next request's run was quicker: this one found the inbox served, and did nothing.
        assert (ended.result or {})["stfs"] == 0
        assert sampling_request(site, namespace).id > ended.id
    else:
        assert ended.state == RequestState.CANCELLED


def test_cancelling_what_has_ended_changes_nothing(site: Site):
    request_id = site.trigger("check_pipeline")
    site.ended(request_id)
    answer = site.api.post(f"/api/requests/{request_id}/cancel/")
    assert (answer.status_code, answer.json()["state"]) == (202, "completed")
