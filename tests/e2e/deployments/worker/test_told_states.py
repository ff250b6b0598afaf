"""What the relay tells of runs, to browsers and to Prefect."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.e2e.conftest import Feeder, Site
from tests.e2e.deployments.worker.looks import sampling_request
from tests.waiting import wait_until

pytestmark = pytest.mark.e2e


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


@pytest.mark.slow
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
