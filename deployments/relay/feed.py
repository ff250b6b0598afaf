"""The feed: domain events as events of Prefect, so that its automations can act on them.

Sent over REST, since the websocket drops bursts (measured). Prefect keeps them in memory for some
seconds: the position advances over what it has in its database, and what it lost is sent again.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import httpx
import structlog

from deployments.isolation import is_outage, isolated, outlived
from deployments.relay import feed_event
from deployments.relay.feed_event import FedEvent
from deployments.relay.feed_repository import FeedRepository
from deployments.service_manager.notification import service_manager

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient

_LOOK_SECONDS: Final = 1.0
_BATCH: Final = 50  # a look; what Prefect finds at most at a time
_MOST_UNSURE: Final = 500
_SETTLE_SECONDS: Final = 7.0  # Prefect writes events in up to 5 s
_SENDS: Final = 4
_NOTE_SECONDS: Final = 10.0
_AROUND: Final = timedelta(minutes=1)

_log = structlog.get_logger("relay")


@dataclass
class _Sent:
    """An event that was sent, and is not known to be in Prefect's database."""

    event: FedEvent
    at: float
    sends: int = 1


@dataclass
class Feed:
    """Puts the events of one database into the feed of one Prefect.

    Attributes:
        is_ours: Whether this relay is the one of several that feeds: Prefect's automations would
            act on what two send.
    """

    repository: FeedRepository
    client: PrefectClient
    is_ours: Callable[[], bool] = lambda: True
    _unsure: dict[int, _Sent] = field(default_factory=dict)
    _looked_to: int | None = None
    _is_caught_up: bool = False
    _is_settled: bool = False
    _noted: int = 0
    _noted_at: float = 0.0

    async def run(self) -> None:
        """Put there what is new, by the clock; an outage delays it, and loses nothing."""
        with service_manager().watchdog.following("feed") as round_done:
            while True:
                with outlived("events cannot be put into Prefect's feed"):
                    if await asyncio.to_thread(self.is_ours):
                        await self._settle()
                        await self.step()
                    else:
                        self._begin_anew()
                round_done()
                await asyncio.sleep(_LOOK_SECONDS)

    async def _settle(self) -> None:
        """Wait once until Prefect has in its database what a former relay has sent it."""
        if not self._is_settled:
            await asyncio.sleep(_SETTLE_SECONDS)
            self._is_settled = True

    def _begin_anew(self) -> None:
        """Go on where another relay ends, once it does."""
        self._unsure.clear()
        self._looked_to, self._is_caught_up, self._is_settled = None, False, False

    async def step(self) -> None:
        """Send what is new, then see what of the earlier has arrived."""
        if self._looked_to is None:
            self._looked_to = self._noted = await asyncio.to_thread(self.repository.position)
        if len(self._unsure) < _MOST_UNSURE:
            types = feed_event.names()
            look = await asyncio.to_thread(self.repository.look, self._looked_to, types, _BATCH)
            await self._send(await self._unsent(look.events))
            self._looked_to = look.last_id
            self._is_caught_up |= len(look.events) < _BATCH
        await self._confirm()
        await self._note(self._looked_to)

    async def _unsent(self, events: Sequence[FedEvent]) -> Sequence[FedEvent]:
        """Those that Prefect has not, of what a former relay may have sent; later ones are new."""
        if self._is_caught_up or not events:
            return events
        there = await self._held(events)
        return [each for each in events if each.feed_id not in there]

    async def _send(self, events: Sequence[FedEvent]) -> None:
        """Send them; where Prefect refuses, each alone, and what it refuses is logged."""
        if not events:
            return
        try:
            await self._post(events)
        except httpx.HTTPStatusError as error:
            if is_outage(error):
                raise
            for each in events:
                with isolated("Prefect refuses an event", event_id=each.id):
                    await self._post([each])

    async def _post(self, events: Sequence[FedEvent]) -> None:
        body = [feed_event.as_prefect_has_it(each) for each in events]
        await self.client.request("POST", "/events", json=body)
        for each in events:
            self._unsure.setdefault(each.id, _Sent(each, time.monotonic()))

    async def _confirm(self) -> None:
        """Forget what has arrived, and send again what has not: Prefect was ended meanwhile."""
        edge = time.monotonic() - _SETTLE_SECONDS
        due = [each for each in self._unsure.values() if each.at < edge][:_BATCH]
        if not due:
            return
        there = await self._held([each.event for each in due])
        lost = [each for each in due if each.event.feed_id not in there]
        for each in due:
            if each.event.feed_id in there:
                del self._unsure[each.event.id]
        await self._send_again(lost)

    async def _send_again(self, lost: Iterable[_Sent]) -> None:
        for each in lost:
            if each.sends >= _SENDS:
                _log.error("Prefect does not keep an event", event_id=each.event.id)
                del self._unsure[each.event.id]
                continue
            await self._send([each.event])
            each.sends, each.at = each.sends + 1, time.monotonic()

    async def _held(self, events: Sequence[FedEvent]) -> set[uuid.UUID]:
        """The ids of those that Prefect has in its database."""
        times = [each.at for each in events]
        between = {"since": min(times) - _AROUND, "until": max(times) + _AROUND}
        wanted = {
            "id": {"id": [str(each.feed_id) for each in events]},
            "occurred": {name: each.isoformat() for name, each in between.items()},
        }
        body = {"filter": wanted, "limit": _BATCH}
        answer = await self.client.request("POST", "/events/filter", json=body)
        return {uuid.UUID(each["id"]) for each in answer.json()["events"]}

    async def _note(self, looked_to: int) -> None:
        """Keep how far all is there; now and then, since busy hours have no more to tell."""
        has_all = min(self._unsure, default=looked_to + 1) - 1
        if has_all > self._noted and time.monotonic() - self._noted_at > _NOTE_SECONDS:
            await asyncio.to_thread(self.repository.advance, has_all)
            self._noted, self._noted_at = has_all, time.monotonic()
