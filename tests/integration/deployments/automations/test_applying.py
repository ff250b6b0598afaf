"""Shipped automations at a real Prefect: made once, and one run for an event."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from prefect.client.orchestration import PrefectClient

from deployments.automations import applying, files
from deployments.automations.applying import Applied
from deployments.automations.files import BadAutomation
from deployments.relay import feed_event
from deployments.relay.feed_event import FedEvent
from tests.waiting import stays, wait_until

pytestmark = pytest.mark.integration

RETRY = "retry-a-failed-sweep"


@dataclass
class Place:
    """The shared stack's Prefect, whose worker has registered the deployments."""

    address: str
    auth: str
    rest: httpx.Client

    def apply(self, document: dict[str, Any]) -> Applied:
        async def run() -> Applied:
            async with PrefectClient(self.address, auth_string=self.auth) as client:
                return await applying.apply(client, document)

        return asyncio.run(run())

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.rest.request(method, path, json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def send(self, event: FedEvent) -> None:
        self.ask("POST", "/events", [feed_event.as_prefect_has_it(event)])

    def runs(self, deployment: str, campaign: str) -> list[dict[str, Any]]:
        wanted = {"deployments": {"name": {"any_": [deployment]}}}
        found = self.ask("POST", "/flow_runs/filter", wanted)
        return [each for each in found if each["parameters"].get("campaign") == campaign]


@pytest.fixture
def place(prefect_environment: dict[str, str]) -> Iterator[Place]:
    address = prefect_environment["PREFECT_API_URL"]
    auth = prefect_environment["PREFECT_API_AUTH_STRING"]
    user, _, password = auth.partition(":")
    with httpx.Client(base_url=address, auth=(user, password), timeout=30) as rest:
        yield Place(address, auth, rest)


@pytest.fixture
def applied(place: Place) -> Iterator[Applied]:
    """An automation of the test's own name, so that no other test's sweep concerns it."""
    done = place.apply({**files.read(RETRY), "name": f"retry {uuid.uuid4()}"})
    yield done
    place.ask("DELETE", f"/automations/{done.id}")


def failed_sweep(campaign: str, number: int) -> FedEvent:
    return FedEvent(
        id=number, at=datetime.now(UTC), msg_type="campaign_provenance_ready",
        payload={"campaign": campaign, "ok": False, "error": "Rucio is away"},
        request_id=41, flow_run_id=None, requested_by="olga", campaign=None,
    )  # fmt: skip


def test_an_event_starts_one_run_with_what_it_says_even_if_it_is_sent_twice(place, applied):
    campaign = f"99.{uuid.uuid4().int % 10**6}.0"
    event = failed_sweep(campaign, 1)
    place.send(event)
    place.send(event)
    place.send(failed_sweep(campaign, 2))  # within the six hours
    [run] = wait_until(lambda: place.runs("campaign_provenance_sweep", campaign))
    assert stays(lambda: len(place.runs("campaign_provenance_sweep", campaign)) == 1, 1.0)
    assert run["state_type"] == "SCHEDULED"
    place.ask("DELETE", f"/flow_runs/{run['id']}")


def test_applied_again_it_is_the_same_one_and_one_that_was_switched_off_stays_so(place, applied):
    place.ask("PATCH", f"/automations/{applied.id}", {"enabled": False})
    again = place.apply({**files.read(RETRY), "name": applied.name, "description": "Mine."})
    assert (again.id, again.is_new) == (applied.id, False)
    shown = place.ask("GET", f"/automations/{applied.id}")
    assert (shown["description"], shown["enabled"]) == ("Mine.", False)


@pytest.mark.parametrize("name", files.shipped())
def test_every_shipped_one_is_taken(place, name):
    done = place.apply({**files.read(name), "name": f"{name} {uuid.uuid4()}", "enabled": False})
    assert done.is_new
    place.ask("DELETE", f"/automations/{done.id}")


def test_a_deployment_that_there_is_not_is_named(place):
    document = files.read(RETRY)
    document["actions"][0]["deployment"] = "no-such/none"
    with pytest.raises(BadAutomation, match="no deployment 'no-such/none'"):
        place.apply(document)
