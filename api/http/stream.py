"""The live stream: one LISTEN connection and one read feed all clients of this API process.

Each event is encoded once; what is pending for a client goes out in one send. A client that cannot
keep up is cut off, comes back with its last id, and has lost nothing: nothing is dropped silently.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, Final

import psycopg
import structlog

from api.http import event_table
from api.http.frames import (
    Frame,
    Wanted,
    connected,
    event_id,
    events_pruned,
    heartbeat,
    join,
    lost_in_restore,
    position_unknown,
)
from api.http.listeners import READ_BYTES, Client, Recent, Start
from blocks.histogram import Histogram
from flows.common import events
from flows.common.callers import Proof
from flows.common.database import now
from flows.common.database_errors import DatabaseUnavailable, translated
from flows.common.settings import StreamSettings

_LOOK_SECONDS: Final = 2.0  # how often the table is looked at without a notification
_REPLAYS_AT_ONCE: Final = 4
_RECONNECT_SECONDS: Final = 0.5
_LATE_SECONDS: Final = 0.2
_PROOF_SECONDS: Final = 2.0  # how often it is looked whether clients' tokens are still good
_REACH_SECONDS: Final = 5.0
_SHOWN_ID: Final = 40  # characters of an id that is repeated to whoever sent it
_LARGEST_ID: Final = 2**63 - 1

_log = structlog.get_logger("stream")


class Feed:
    """Reads the event table as it grows and hands each event to the clients that want it."""

    def __init__(self, settings: StreamSettings) -> None:
        self._settings = settings
        self._groups: dict[Wanted, set[Client]] = {}
        self._recent = Recent(settings.recent_events, settings.recent_bytes)
        self._replays = asyncio.Semaphore(_REPLAYS_AT_ONCE)
        self._is_ready = asyncio.Event()
        self._moved = asyncio.Event()
        self._answered_at: float | None = None  # None: the feed has not begun
        self.last_id = 0
        self.event_lags = Histogram()
        self.cut_off = 0

    @property
    def clients(self) -> list[Client]:
        """The clients that are connected."""
        return [client for group in self._groups.values() for client in group]

    @property
    def silent_seconds(self) -> float:
        """For how long the database has not answered the feed, which looks every two seconds."""
        return 0.0 if self._answered_at is None else time.monotonic() - self._answered_at

    async def silence(self, seconds: float) -> None:
        """Wait until the database has not answered for so long."""
        while self.silent_seconds < seconds:
            await asyncio.sleep(seconds - self.silent_seconds)
            await asyncio.sleep(_LATE_SECONDS)  # where this loop was held up, the feed comes first

    # -------------------------------------------------------------- clients

    async def start(self, asked: str | None) -> Start:
        """Where the stream of a client begins that names the last event that it has.

        Raises:
            DatabaseUnavailable: It cannot be looked up.
        """
        if not asked:
            return Start()
        number = event_id(asked)
        if number is not None and await self._is_known(number):
            return Start(number)
        return Start(notice=position_unknown(asked[:_SHOWN_ID], self.last_id))

    async def _is_known(self, number: int) -> bool:
        """Whether there is such an event, or was; it is read before this returns.

        Another API process may have been faster: the table knows, not this process's feed.
        """
        if number <= self.last_id:
            return True
        if number > await event_table.newest_id():
            return False
        try:
            async with asyncio.timeout(_REACH_SECONDS):
                while self.last_id < number:
                    self._moved.clear()
                    await self._moved.wait()
        except TimeoutError:
            raise DatabaseUnavailable("the event table cannot be read; try again") from None
        return True

    async def listen(
        self, wanted: Wanted, start: Start, *, proof: Proof | None = None
    ) -> AsyncIterator[bytes]:
        """The stream of one client: `connected`, what it missed, then what comes.

        It ends when `proof` is no longer good.
        """
        after = start.after
        client = Client(wanted, self._settings.client_buffer_bytes, proof)
        until = self.last_id
        self._groups.setdefault(wanted, set()).add(client)
        try:
            yield connected(client.id)
            if start.notice is not None:
                yield start.notice
            if after is not None and after < until:
                async for chunk in self._missed(wanted, after, until):
                    yield chunk
            async for chunk in client.chunks():
                yield chunk
        except DatabaseUnavailable as error:  # the client comes back with its last id
            _log.warning("a replay lost the database", reason=str(error))
        finally:
            self._forget(client)

    async def news(self, wanted: Wanted | None, pause_seconds: float) -> AsyncGenerator[None]:
        """Comes at once, then at each event that is wanted, and after each pause without one.

        Args:
            wanted: Which events; None: none.
            pause_seconds: The longest time without a look.
        """
        client = Client(wanted or Wanted(), self._settings.client_buffer_bytes)
        if wanted is not None:
            self._groups.setdefault(wanted, set()).add(client)
        try:
            while True:
                yield
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause_seconds):
                        await client.ready.wait()
                client.forget_pending()
        finally:
            self._forget(client)

    async def ready(self, seconds: float) -> bool:
        """Whether the feed knows where the table ends; waits for it that long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._is_ready.wait()
        return self._is_ready.is_set()

    def _forget(self, client: Client) -> None:
        self.cut_off += client.is_cut_off
        group = self._groups.get(client.wanted, set())
        group.discard(client)
        if not group:
            self._groups.pop(client.wanted, None)

    async def _missed(self, wanted: Wanted, after: int, until: int) -> AsyncIterator[bytes]:
        """The events after one id up to another, from memory or else from the table.

        Where the first of them are no longer kept, or a restore has lost the first id, it begins
        with a frame that says so.
        """
        is_first = True
        while after < until:
            frames: Sequence[Frame] | None = self._recent.between(after, until)
            if frames is None:
                async with self._replays:
                    with translated():
                        async with await event_table.connect() as connection:
                            oldest = await event_table.oldest_id(connection) if is_first else 0
                            frames = await event_table.read(connection, after, until)
                if after and oldest > after + 1:  # who names 0 wants what is kept
                    yield events_pruned(after, oldest)
            is_first = False
            if frames and (notice := lost_in_restore(after, frames[0])):
                yield notice
            if chunk := join(wanted, frames):
                yield chunk
            after = frames[-1].id if frames else until

    # -------------------------------------------------------------- the feed

    async def run(self) -> None:
        """Follow the table until cancelled, through any restart of the database."""
        while True:
            began = time.monotonic()
            try:
                with translated():
                    async with await event_table.connect() as connection:
                        await self._follow(connection)
            except DatabaseUnavailable as error:
                _log.warning("the event feed lost the database", reason=str(error).strip())
                if time.monotonic() - began < _LOOK_SECONDS:
                    self._answered_at = time.monotonic()  # to refuse is to answer
                await asyncio.sleep(_RECONNECT_SECONDS)

    async def beat(self) -> None:
        """Give every client its heartbeat when it is due, until cancelled."""
        interval = self._settings.heartbeat_seconds
        while True:
            await asyncio.sleep(min(1.0, interval / 4))
            moment = time.monotonic()
            for client in self.clients:
                if moment - client.heartbeat_at >= interval:
                    client.heartbeat_at = moment
                    client.put(heartbeat())

    async def expel(self, is_good: Callable[[Proof], Awaitable[bool]]) -> None:
        """Cut off every client whose token or session has ended, until cancelled."""
        while True:
            await asyncio.sleep(_PROOF_SECONDS)
            for proof in {client.proof for client in self.clients} - {None}:
                if proof is not None and not await is_good(proof):
                    for client in self.clients:
                        if client.proof == proof:
                            client.cut_off()

    async def _follow(self, connection: psycopg.AsyncConnection[Any]) -> None:
        await connection.execute(f"LISTEN {events.CHANNEL}")
        if not self._is_ready.is_set():
            self.last_id = await event_table.last_id(connection)
            self._is_ready.set()
        while True:
            if not await self._read_new(connection):
                self._check(await event_table.last_id(connection))
            self._answered_at = time.monotonic()
            async for _ in connection.notifies(timeout=_LOOK_SECONDS, stop_after=1):
                pass

    def _check(self, newest: int) -> None:
        """Follow a table that was set back (a restored backup): its ids begin again lower."""
        if newest >= self.last_id:
            return
        _log.warning("the event table was set back", last_id=self.last_id, newest=newest)
        notice = position_unknown(str(self.last_id), newest)
        self.last_id = newest
        self._recent.clear()
        for client in self.clients:
            client.put(notice)

    async def _read_new(self, connection: psycopg.AsyncConnection[Any]) -> bool:
        """Hand on what is new; gives whether there was anything."""
        is_any = False
        while frames := await event_table.read(connection, self.last_id, _LARGEST_ID):
            is_any = True
            self._answered_at = time.monotonic()
            self._recent.extend(frames)
            self.last_id = frames[-1].id
            self._note_lags(frames)
            self._moved.set()
            for wanted, group in self._groups.items():
                if chunk := join(wanted, frames):
                    for client in group:
                        client.put(chunk)
            if len(frames) < event_table.READ_LIMIT and _size_of(frames) <= READ_BYTES:
                break
        return is_any

    def _note_lags(self, frames: Sequence[Frame]) -> None:
        """Count how old the events are that were just read, by the clocks of who announced them."""
        moment = now()
        for frame in frames:
            self.event_lags.observe(max(0.0, (moment - frame.at).total_seconds()))


def _size_of(frames: Iterable[Frame]) -> int:
    return sum(len(frame.data) for frame in frames)
