"""`prodops relay`: Prefect's states as events of ours; our domain events in Prefect's feed.

The event websocket gives speed, REST gives truth. Several relays may run, on several machines: a
state is written by whichever comes first, and one of them feeds Prefect.

Prefect drops events in bursts and may miss the first seconds after a reconnect (measured), so
REST is asked at connect, a few seconds later, and by the clock.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import uuid
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import structlog

from blocks.errors import OutsideUnavailable
from deployments.heartbeat import Heartbeat
from deployments.isolation import is_outage, isolated
from deployments.prefect_access import await_server, bound_retries, configure_client
from deployments.relay.feed import Feed
from deployments.relay.feed_repository import FeedRepository
from deployments.relay.histories import Histories
from deployments.relay.messages import RunState
from deployments.relay.owners import Owners
from deployments.relay.prefect_states import PREFIX, state_of_event, state_of_rest
from deployments.relay.repository import StateRepository
from deployments.schema import await_schema
from deployments.service_manager.notification import service_manager
from deployments.service_manager.outages import is_database_away
from deployments.service_manager.pauses import is_set_within
from deployments.singletons import Singletons
from deployments.stack.layout import Layout
from flows.common.database import PART_LIMITS, make_engine, now
from flows.common.models import PartKind
from flows.common.settings import Settings

_SETTLE_SECONDS: Final = 6.0  # Prefect writes events in up to 5 s (measured)
_RECONNECT_SECONDS: Final = 1.0
_OUTAGE_SECONDS: Final = 3.0  # how soon REST is asked again where it could not be
_IDLE_SECONDS: Final = 5.0  # how long nothing may come until the watchdog is told
_LOOK_BACK: Final = timedelta(minutes=2)
_PAGE: Final = 200  # what Prefect gives at most
_FEED: Final = "feed of Prefect"  # the lock of the relay that feeds

_log = structlog.get_logger("relay")


def run(settings: Settings) -> int:
    """Run the relay until SIGTERM; gives the process's exit code."""
    configure_client(settings, is_service=True)
    await_schema()
    service = _Service(settings)
    await_server(settings, meanwhile=service.heartbeat.waiting)
    return asyncio.run(service.run())


class _Service:
    """One relay's life."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        engine = make_engine(pool_size=2, limits=PART_LIMITS)
        self._repository = StateRepository(engine)
        self._feed = FeedRepository(engine)
        self.heartbeat = Heartbeat(settings, engine, PartKind.RELAY, socket.gethostname())
        self._queue: asyncio.Queue[RunState] = asyncio.Queue()
        self._owners = Owners(self._repository)
        self._histories = Histories()
        self._looked_at: datetime | None = None
        self._read_up_to: dict[uuid.UUID, uuid.UUID] = {}
        self._look_now = asyncio.Event()

    async def run(self) -> int:
        stopping = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopping.set)
        bound_retries()
        with Singletons() as locks:
            return await self._run(stopping, locks)

    async def _run(self, stopping: asyncio.Event, locks: Singletons) -> int:
        from prefect.client.orchestration import get_client  # noqa: PLC0415 - environment first

        async with get_client() as client:
            work = [
                asyncio.create_task(self._follow()),
                asyncio.create_task(self._write(client)),
                asyncio.create_task(self._look(client)),
                asyncio.create_task(self.heartbeat.run()),
            ]
            if self._settings.relay.is_feeding:
                feed = Feed(self._feed, client, partial(locks.holds, _FEED))
                work.append(asyncio.create_task(feed.run()))
            service_manager().watchdog.excuse(is_database_away)
            stopped = asyncio.create_task(stopping.wait())
            done, _ = await asyncio.wait([stopped, *work], return_when=asyncio.FIRST_COMPLETED)
            service_manager().stopping("ends")
            for task in (stopped, *work):
                task.cancel()
            await asyncio.gather(stopped, *work, return_exceptions=True)
        for task in done - {stopped}:
            task.result()
        return 0

    # -------------------------------------------------------------- speed

    async def _follow(self) -> None:
        """Queue state changes as Prefect announces them, through any reconnect."""
        while True:
            try:
                await self._subscribe()
            except Exception as error:  # noqa: BLE001 - websocket and HTTP raise many; REST goes on
                _log.warning("the event subscription broke", reason=f"{error}"[:200])
                service_manager().waits("waits for Prefect's events")
            await asyncio.sleep(_RECONNECT_SECONDS)

    async def _subscribe(self) -> None:
        from prefect.events.clients import get_events_subscriber  # noqa: PLC0415
        from prefect.events.filters import EventFilter, EventNameFilter  # noqa: PLC0415

        wanted = EventFilter(event=EventNameFilter(prefix=[PREFIX]))
        async with get_events_subscriber(filter=wanted) as subscriber:
            self._look_now.set()
            Layout(self._settings.stack.state_dir).say_ready("relay")
            service_manager().ready("relays Prefect's states")
            async for event in subscriber:
                with isolated("an event of Prefect cannot be read", event_id=event.id):
                    state = state_of_event(event)
                    if state is not None:
                        self._queue.put_nowait(state)

    # -------------------------------------------------------------- truth

    async def _look(self, client: Any) -> None:
        """Ask REST at connect, a few seconds later, and by the clock."""
        is_settling = False
        with service_manager().watchdog.following("looks") as round_done:
            while True:
                self._look_now.clear()
                patience = _SETTLE_SECONDS if is_settling else self._settings.relay.rest_seconds
                if not await self._has_looked(client, round_done):
                    patience = min(patience, _OUTAGE_SECONDS)
                round_done()
                is_settling = await is_set_within(self._look_now, patience, round_done)

    async def _has_looked(self, client: Any, goes_on: Callable[[], None]) -> bool:
        """Ask REST once; gives whether that could be done."""
        try:
            await self._look_once(client, goes_on)
        except (OutsideUnavailable, OSError) as error:
            _log.warning("a look waits for an outage to end", reason=str(error)[:200])
            return False
        except Exception as error:  # noqa: BLE001 - httpx and prefect errors; the clock retries
            _log.warning("Prefect could not be asked", reason=str(error)[:200])
            return False
        return True

    async def _look_once(self, client: Any, goes_on: Callable[[], None] = lambda: None) -> None:
        """Queue the states that are not relayed, of every run that changed since the last look.

        All its states: an event that was dropped may be older than one that was relayed.
        """
        began = now()
        if self._looked_at is None:
            self._looked_at = await asyncio.to_thread(self._repository.relayed_until) or began
        runs = [run for run in await self._recent_runs(client) if run.state]
        states: list[RunState] = []
        read_up_to: dict[uuid.UUID, uuid.UUID] = {}
        for run in runs:
            with isolated("the states of a run cannot be read", flow_run=run.id):
                if not self._is_relayed(run):
                    taken = await client.read_flow_run_states(run.id)
                    states += [state_of_rest(run.id, state) for state in taken]
                read_up_to[run.id] = run.state.id
            goes_on()
        missing = await asyncio.to_thread(
            self._repository.unknown, [state.state_id for state in states]
        )
        for state in states:
            if state.state_id in missing:
                self._queue.put_nowait(state)
        self._read_up_to = read_up_to
        self._looked_at = began

    def _is_relayed(self, run: Any) -> bool:
        """Whether all states of the run are known to be relayed, or queued."""
        is_read = self._read_up_to.get(run.id) == run.state.id
        return is_read or self._histories.are_relayed_up_to(run.state.id)

    async def _recent_runs(self, client: Any) -> list[Any]:
        """The pool's runs that are not ended, or ended since the last look (and a bit before)."""
        from prefect.client.schemas import filters  # noqa: PLC0415
        from prefect.client.schemas.objects import StateType  # noqa: PLC0415

        live = [StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]
        pool = filters.WorkPoolFilter(
            name=filters.WorkPoolFilterName(any_=self._settings.prefect.pool_names)
        )
        unfinished = filters.FlowRunFilter(
            state=filters.FlowRunFilterState(type=filters.FlowRunFilterStateType(any_=live)),
            expected_start_time=filters.FlowRunFilterExpectedStartTime(before_=now()),
        )
        ended = filters.FlowRunFilter(
            end_time=filters.FlowRunFilterEndTime(after_=(self._looked_at or now()) - _LOOK_BACK)
        )
        found: dict[uuid.UUID, Any] = {}
        for wanted in (unfinished, ended):
            offset, page = 0, [None] * _PAGE
            while len(page) == _PAGE:
                page = await client.read_flow_runs(
                    flow_run_filter=wanted, work_pool_filter=pool, limit=_PAGE, offset=offset
                )
                found |= {run.id: run for run in page}
                offset += _PAGE
        return list(found.values())

    # -------------------------------------------------------------- writing

    async def _write(self, client: Any) -> None:
        """Write what is queued; a database outage delays it, and loses nothing."""
        with service_manager().watchdog.following("writes") as round_done:
            while True:
                unique = {state.state_id: state for state in await self._queued()}
                while not await self._has_written(client, unique.values()):
                    round_done()
                    await asyncio.sleep(_RECONNECT_SECONDS)
                round_done()

    async def _queued(self) -> list[RunState]:
        """The states that are queued: one at least, unless none comes for some seconds."""
        batch = []
        with suppress(TimeoutError):
            async with asyncio.timeout(_IDLE_SECONDS):
                batch.append(await self._queue.get())
        while not self._queue.empty():
            batch.append(self._queue.get_nowait())
        return batch

    async def _has_written(self, client: Any, states: Collection[RunState]) -> bool:
        """Write them; False where an outage is in the way."""
        if not states:
            return True
        try:
            with isolated("states cannot be relayed; REST brings them again"):
                await self._relay(client, states)
        except Exception as error:  # noqa: BLE001 - an outage: `isolated` lets no other by
            _log.warning("events wait for an outage to end", reason=str(error)[:200])
            service_manager().status("waits for an outage to end")
            return False
        service_manager().status("relays Prefect's states")
        return True

    async def _relay(self, client: Any, states: Collection[RunState]) -> None:
        """Write them; where that cannot be, each alone, and what is wrong with one is logged."""
        owned = await self._owners.of(client, states)
        try:
            await asyncio.to_thread(self._repository.relay, owned)
        except Exception as error:
            if is_outage(error):
                raise
            for each in owned:  # whatever it is, it is of one of them
                with isolated("a state cannot be relayed", state_id=each[0].state_id):
                    await asyncio.to_thread(self._repository.relay, [each])
        else:
            self._histories.note(states)
