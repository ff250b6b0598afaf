"""The live stream: one LISTEN connection and one read feed all clients of this API process.

Each event is encoded once; what is pending for a client goes out in one send. A client that cannot
keep up is cut off, comes back with its last id, and has lost nothing: nothing is dropped silently.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from bisect import bisect_right
from collections import deque
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Sequence,
)
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from itertools import accumulate, takewhile
from typing import Any, Final, cast

import psycopg
import structlog
from sse_starlette.event import ServerSentEvent

from flows.common import events
from flows.common.callers import Proof
from flows.common.database_errors import DatabaseUnavailable, translated
from flows.common.notifications import listen_dsn
from flows.common.settings import StreamSettings

_READ_LIMIT: Final = 2000
_READ_BYTES: Final = 1 << 20  # of one reading, and of what a client is sent at once of a replay
_LOOK_SECONDS: Final = 2.0  # how often the table is looked at without a notification
_REPLAYS_AT_ONCE: Final = 4
_RECONNECT_SECONDS: Final = 0.5
_LATE_SECONDS: Final = 0.2
_PROOF_SECONDS: Final = 2.0  # how often it is looked whether clients' tokens are still good
_REACH_SECONDS: Final = 5.0
_ID_DIGITS: Final = 18
_SHOWN_ID: Final = 40  # characters of an id that is repeated to whoever sent it
POSITION_UNKNOWN: Final = "position_unknown"

_SELECT: Final = """
    SELECT id, msg_type, namespace, run_id, processed_by, subject, payload::text
    FROM event WHERE id > %(after)s AND id <= %(until)s ORDER BY id LIMIT %(limit)s
"""

_log = structlog.get_logger("stream")


@dataclass(frozen=True)
class Wanted:
    """Which events a client wants: every list that is not empty must hold the event's value.

    Source: fastmon contract section 3.11; `namespaces` and `subject` are ours.
    """

    msg_types: frozenset[str] = frozenset()
    agents: frozenset[str] = frozenset()
    run_ids: frozenset[str] = frozenset()
    namespaces: frozenset[str] = frozenset()
    subject: frozenset[str] = frozenset()

    @classmethod
    def of(cls, lists: dict[str, str | None]) -> Wanted:
        """The filter of comma lists, blanks stripped."""
        return cls(
            **{
                name: frozenset(part.strip() for part in (text or "").split(",") if part.strip())
                for name, text in lists.items()
            }
        )

    def takes(self, frame: Frame) -> bool:
        """Whether the client gets the event."""
        return (
            (not self.msg_types or frame.msg_type in self.msg_types)
            and (not self.agents or frame.processed_by in self.agents)
            and (not self.run_ids or frame.run_id in self.run_ids)
            and (not self.namespaces or frame.namespace in self.namespaces)
            and (not self.subject or frame.subject in self.subject)
        )

    def as_dict(self) -> dict[str, list[str]]:
        """The filter as the stream's status shows it."""
        return {name: sorted(values) for name, values in vars(self).items() if values}


_EVERYTHING: Final = Wanted()


@dataclass(frozen=True, slots=True)
class Frame:
    """An event, encoded, with what filters look at."""

    id: int
    msg_type: str
    namespace: str | None
    run_id: str | None
    processed_by: str | None
    subject: str | None
    data: bytes


def encode(event: str, data: str, event_id: int | None = None) -> bytes:
    """A frame as the original sends it (LF, one data line), with an `id:` line where it has one."""
    identifier = None if event_id is None else str(event_id)
    return ServerSentEvent(data, event=event, id=identifier, sep="\n").encode()


def heartbeat() -> bytes:
    """The frame that shows that the stream lives."""
    return encode("heartbeat", json.dumps({"timestamp": time.time()}))


_LARGEST_ID: Final = 2**63 - 1


@dataclass(frozen=True)
class Start:
    """Where a client's stream begins.

    Attributes:
        after: The last event that it has; None: it begins with what is new.
        notice: The control frame that says why it cannot begin where it wanted to.
    """

    after: int | None = None
    notice: bytes | None = None


def position_unknown(asked: str, newest: int) -> bytes:
    """The frame for who has got to an event that is not known here: what follows it is new.

    It has no id, as no control frame has one (docs/decisions/0009).
    """
    reason = (
        f"event {asked} is not known here, where the newest is {newest}: the database was set "
        "back, or that is no event's id. What follows is new; what was before is in the lists."
    )
    return encode(POSITION_UNKNOWN, json.dumps({"reason": reason, "last_event_id": newest}))


@dataclass(eq=False)
class Client:
    """One listener: what waits for it, and how far it has got."""

    wanted: Wanted
    limit_bytes: int
    proof: Proof | None = None
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    pending: list[bytes] = field(default_factory=list)
    pending_bytes: int = 0
    is_cut_off: bool = False
    heartbeat_at: float = field(default_factory=time.monotonic)
    ready: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, chunk: bytes) -> None:
        """Queue `chunk`; a client with too much waiting is cut off."""
        if self.is_cut_off:
            return
        self.pending_bytes += len(chunk)
        # One chunk alone is never too much: a client that keeps up gets it, whatever its size.
        if self.pending and self.pending_bytes > self.limit_bytes:
            self.cut_off()
            return
        self.pending.append(chunk)
        self.ready.set()

    def cut_off(self) -> None:
        """End the client's stream; what waits is dropped, its last id brings it back."""
        self.is_cut_off = True
        self.pending.clear()
        self.pending_bytes = 0
        self.ready.set()

    async def chunks(self) -> AsyncIterator[bytes]:
        """What arrives, everything pending in one piece."""
        while True:
            await self.ready.wait()
            self.ready.clear()
            if self.is_cut_off:
                return
            chunk = b"".join(self.pending)
            self.pending.clear()
            self.pending_bytes = 0
            if chunk:
                yield chunk


class Recent:
    """The newest events, as many as their number and their bytes allow; the newest one always."""

    def __init__(self, most: int, most_bytes: int) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._frames: deque[Frame] = deque()
        self._bytes = 0

    def extend(self, frames: Iterable[Frame]) -> None:
        """Add events that follow; what is too old goes."""
        for frame in frames:
            self._frames.append(frame)
            self._bytes += len(frame.data)
            while len(self._frames) > 1 and self._is_full():
                self._bytes -= len(self._frames.popleft().data)

    def between(self, after: int, until: int) -> list[Frame] | None:
        """The first of the events after one id up to another; None where the first may be gone."""
        if not self._frames or self._frames[0].id > after + 1:
            return None
        frames = list(self._frames)
        start = bisect_right(frames, after, key=lambda frame: frame.id)
        stop = bisect_right(frames, until, key=lambda frame: frame.id)
        ends = accumulate(len(frame.data) for frame in frames[start:stop])
        count = sum(1 for _ in takewhile(lambda size: size <= _READ_BYTES, ends))
        return frames[start : min(stop, start + max(1, count))]

    def clear(self) -> None:
        """Forget them all."""
        self._frames.clear()
        self._bytes = 0

    def _is_full(self) -> bool:
        return len(self._frames) > self._most or self._bytes > self._most_bytes


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
        number = _event_id(asked)
        if number is not None and await self._is_known(number):
            return Start(number)
        return Start(notice=position_unknown(asked[:_SHOWN_ID], self.last_id))

    async def _is_known(self, number: int) -> bool:
        """Whether there is such an event, or was; it is read before this returns.

        Another API process may have been faster: the table knows, not this process's feed.
        """
        if number <= self.last_id:
            return True
        if number > await _newest_id():
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
            yield encode("connected", json.dumps({"client_id": client.id, "status": "connected"}))
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

    async def ready(self, seconds: float) -> bool:
        """Whether the feed knows where the table ends; waits for it that long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._is_ready.wait()
        return self._is_ready.is_set()

    def _forget(self, client: Client) -> None:
        group = self._groups.get(client.wanted, set())
        group.discard(client)
        if not group:
            self._groups.pop(client.wanted, None)

    async def _missed(self, wanted: Wanted, after: int, until: int) -> AsyncIterator[bytes]:
        """The events after one id up to another, from memory or else from the table."""
        while after < until:
            frames: Sequence[Frame] | None = self._recent.between(after, until)
            if frames is None:
                async with self._replays:
                    with translated():
                        async with await _connect() as connection:
                            frames = await _read(connection, after, until)
            if chunk := _join(wanted, frames):
                yield chunk
            after = frames[-1].id if frames else until

    # -------------------------------------------------------------- the feed

    async def run(self) -> None:
        """Follow the table until cancelled, through any restart of the database."""
        while True:
            began = time.monotonic()
            try:
                with translated():
                    async with await _connect() as connection:
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
            self.last_id = await _last_id(connection)
            self._is_ready.set()
        while True:
            if not await self._read_new(connection):
                self._check(await _last_id(connection))
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
        while frames := await _read(connection, self.last_id, _LARGEST_ID):
            is_any = True
            self._answered_at = time.monotonic()
            self._recent.extend(frames)
            self.last_id = frames[-1].id
            self._moved.set()
            for wanted, group in self._groups.items():
                if chunk := _join(wanted, frames):
                    for client in group:
                        client.put(chunk)
            if len(frames) < _READ_LIMIT and _size_of(frames) <= _READ_BYTES:
                break
        return is_any


def _event_id(text: str) -> int | None:
    is_number = text.isascii() and text.isdecimal() and len(text) <= _ID_DIGITS
    return int(text) if is_number else None


async def _newest_id() -> int:
    with translated():
        async with await _connect() as connection:
            return await _last_id(connection)


async def _last_id(connection: psycopg.AsyncConnection[Any]) -> int:
    row = await (await connection.execute("SELECT coalesce(max(id), 0) FROM event")).fetchone()
    return int(row[0]) if row else 0


async def _read(connection: psycopg.AsyncConnection[Any], after: int, until: int) -> list[Frame]:
    """The first events after one id up to another, as many as a reading's bytes allow."""
    frames: list[Frame] = []
    size_bytes = 0
    wanted = {"after": after, "until": until, "limit": _READ_LIMIT}
    async with connection.cursor() as cursor:
        # Not fetched at once: 2,000 events may be 2 GB.
        rows = cast("AsyncGenerator[Any, None]", cursor.stream(_SELECT, wanted))
        async with aclosing(rows):
            async for row in rows:
                frames.append(_frame(row))
                size_bytes += len(frames[-1].data)
                if size_bytes > _READ_BYTES:
                    break
    return frames


def _size_of(frames: Iterable[Frame]) -> int:
    return sum(len(frame.data) for frame in frames)


def _frame(row: Any) -> Frame:
    event_id, msg_type, namespace, run_id, processed_by, subject, payload = row
    data = encode(msg_type, payload, event_id)
    return Frame(event_id, msg_type, namespace, run_id, processed_by, subject, data)


async def _connect() -> psycopg.AsyncConnection[Any]:
    return await psycopg.AsyncConnection.connect(listen_dsn(), autocommit=True)


def _join(wanted: Wanted, frames: Iterable[Frame]) -> bytes:
    taken = frames if wanted == _EVERYTHING else filter(wanted.takes, frames)
    return b"".join(frame.data for frame in taken)
