"""The feed at a real Prefect: every domain event once, whatever is sent twice or lost."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from prefect.client.orchestration import PrefectClient
from sqlalchemy import select

from deployments.relay import feed as feed_module
from deployments.relay.feed import Feed
from deployments.relay.feed_repository import FeedRepository
from flows.common import events
from flows.common.claims import Claim
from flows.common.database import transaction
from flows.common.models import FeedPosition, Request
from flows.fastmon import messages as fastmon_messages
from flows.submission import messages
from tests.databases import Database
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.integration


@dataclass
class Place:
    """A database, and a way to Prefect that can lose what is sent."""

    database: Database
    address: str
    auth: str
    request_id: int
    posts: int = 0

    def announce(self, *names: str) -> None:
        claim = Claim(self.request_id, 1)
        with transaction(self.database.ops_engine) as session:
            events.commit(session, [messages.submitted(name, 730, claim) for name in names])

    def work(self, do: Callable[[Feed], Awaitable[Any]], *, losing: int = 0) -> None:
        """Do something with a fresh feed, the first of whose posts get lost."""

        async def run() -> None:
            async with PrefectClient(self.address, auth_string=self.auth) as client:
                real = client.request

                async def request(method: str, path: str, **more: Any) -> httpx.Response:
                    if path == "/events":
                        self.posts += 1
                        if self.posts <= losing:
                            return httpx.Response(204)
                    return await real(method, path, **more)

                client.request = request
                await do(Feed(FeedRepository(self.database.ops_engine), client))

        asyncio.run(run())

    async def until_noted(self, feed: Feed) -> None:
        """Step until all that was announced is known to be there."""
        async with asyncio.timeout(PATIENCE):
            while self.position < self.last:
                await feed.step()
                await asyncio.sleep(0.1)

    @property
    def position(self) -> int:
        with transaction(self.database.ops_engine) as session:
            return session.scalar(select(FeedPosition.event_id)) or 0

    @property
    def last(self) -> int:
        with transaction(self.database.ops_engine) as session:
            return events.last_id(session)

    def shown(self) -> list[str]:
        """What Prefect has of this place's request, by the task."""
        user, _, password = self.auth.partition(":")
        found: list[str] = []
        wanted = {"event": {"prefix": ["prodops.prodtask."]}, "order": "ASC"}
        with httpx.Client(base_url=self.address, auth=(user, password), timeout=30) as rest:
            answer = rest.post("/events/filter", json={"filter": wanted, "limit": 50}).json()
            while True:
                found += [_task_of(each) for each in answer["events"]]
                if not answer["next_page"]:
                    return [each for each in found if each.startswith(f"{self.request_id}-")]
                answer = rest.get(answer["next_page"]).json()


def _task_of(event: dict[str, Any]) -> str:
    return str(event["payload"]["task_name"])


@pytest.fixture
def place(
    prefect_environment: dict[str, str], database: Database, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    monkeypatch.setattr(feed_module, "_SETTLE_SECONDS", 0.2)
    monkeypatch.setattr(feed_module, "_NOTE_SECONDS", 0.0)
    monkeypatch.setattr(feed_module, "_SENDS", 1000)
    address = prefect_environment["PREFECT_API_URL"]
    auth = prefect_environment["PREFECT_API_AUTH_STRING"]
    with transaction(database.ops_engine) as session:
        # Its number tells this database's events from those of the other tests.
        request = Request(
            id=uuid.uuid4().int % 2**62, action="submit_task", parameters={}, requested_by="olga",
            source="test",
        )  # fmt: skip
        session.add(request)
        session.flush()
        request_id = request.id
    place = Place(database, address, auth, request_id)
    place.work(lambda each: each.step())  # what was there before is none of its business
    return place


def names(place: Place, number: int) -> list[str]:
    return [f"{place.request_id}-{each:03}" for each in range(number)]


@pytest.mark.slow
def test_a_burst_arrives_whole_and_in_order_and_each_once(place):
    wanted = names(place, 120)
    place.announce(*wanted)
    place.work(place.until_noted)
    assert place.shown() == wanted


@pytest.mark.slow
def test_what_a_former_relay_has_sent_is_not_sent_again(place):
    place.announce(*names(place, 3))

    place.work(lambda each: each.step())
    wait_until(lambda: len(place.shown()) == 3)
    assert place.position < place.last
    before = place.posts
    place.work(lambda each: each.step())
    assert place.posts == before
    place.announce(f"{place.request_id}-later")
    place.work(place.until_noted)
    assert place.shown() == [*names(place, 3), f"{place.request_id}-later"]


@pytest.mark.slow
def test_what_prefect_has_lost_is_sent_again(place):
    place.announce(*names(place, 2))
    place.work(place.until_noted, losing=place.posts + 1)
    assert sorted(place.shown()) == names(place, 2)


def test_neither_bulk_nor_progress_nor_a_peers_message_is_put_there(place):
    claim = Claim(place.request_id, 1)
    peers = messages.submitted(f"{place.request_id}-forged", 1, None)
    status = fastmon_messages.fastmon_status("ns", "started", "x", request_id=claim.request_id)
    with transaction(place.database.ops_engine) as session:
        events.commit(session, [peers, status])
    before = place.posts
    place.work(place.until_noted)
    assert (place.posts, place.shown()) == (before, [])


@pytest.mark.slow
def test_what_prefect_refuses_holds_up_nothing_else(place, monkeypatch):
    as_it_is = feed_module.feed_event.as_prefect_has_it

    def spoiled(event: Any) -> dict[str, Any]:
        shown = as_it_is(event)
        return {**shown, "resource": {}} if "000" in event.payload["task_name"] else shown

    monkeypatch.setattr(feed_module.feed_event, "as_prefect_has_it", spoiled)
    place.announce(*[f"{place.request_id}-{each}" for each in ("a", "-000-", "b")])
    place.work(place.until_noted)
    assert place.shown() == [f"{place.request_id}-a", f"{place.request_id}-b"]


def test_of_two_relays_the_one_whose_turn_it_is_not_feeds_nothing(place):
    turns = [False, False, True]
    place.announce(*names(place, 2))

    async def take_turns(feed: Feed) -> None:
        feed.is_ours = lambda: not turns or turns.pop(0)
        async with asyncio.timeout(PATIENCE):
            running = asyncio.create_task(feed.run())
            while turns:
                await asyncio.sleep(0.05)
                assert place.posts == 0
            await asyncio.to_thread(wait_until, lambda: place.posts == 1)
            running.cancel()

    place.posts = 0
    place.work(take_turns)
