"""Clients of the live stream over raw connections: light enough to run a thousand of.

Each keeps the ids that it got, and comes back with the last of them when the server ends its
stream.
"""

from __future__ import annotations

import asyncio
import re
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, cast

SILENT_SECONDS: Final = 75.0
"""A stream that says nothing for so long is left: heartbeats come every 30 s at least."""
_RECONNECT_SECONDS: Final = 0.1
_LINE_END: Final = b"\r\n"
_HEAD_END: Final = _LINE_END * 2
_CHUNKED: Final = re.compile(rb"(?i)\r\ntransfer-encoding: *chunked")
_FRAME_END: Final = b"\n\n"
_FRAME: Final = re.compile(rb"id: (\d+)\nevent: ([^\n]*)\ndata: ([^\n]*)\n")

OnEvent = Callable[[int, bytes, bytes, float], None]
"""Is given each event: id, name, data, time of arrival."""


@dataclass(frozen=True)
class Address:
    """Where the API is, and the token for it."""

    host: str
    port: int
    prefix: str
    token: str

    def head(self, method: str, path: str, more: str = "") -> bytes:
        """The head of a request, without its last empty line."""
        return (
            f"{method} {self.prefix}{path} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\n"
            f"Authorization: Token {self.token}\r\n{more}"
        ).encode()


class Frames:
    """Cuts a stream into the frames that have an id; they may come in any pieces."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
        """Id, event name and data of each frame that `data` completes."""
        if self._rest:
            data = self._rest + data
        end = data.rfind(_FRAME_END)
        if end < 0:
            self._rest = data
            return iter(())
        whole = end + len(_FRAME_END)
        self._rest = data[whole:]
        return ((int(m[1]), m[2], m[3]) for m in _FRAME.finditer(data, 0, whole))


class Chunks:
    """Takes the chunks of an HTTP body apart: a proxy cuts them anywhere, in the midst of frames.

    They may come in any pieces.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._left = 0  # bytes of the chunk under way

    def feed(self, data: bytes) -> bytes:
        """What `data` has of the body."""
        data, at, found = self._rest + data, 0, []
        while True:
            found.append(data[at : at + self._left])
            at += len(found[-1])
            self._left -= len(found[-1])
            end = data.find(_LINE_END, at)
            if self._left or end < 0:
                break
            if size := data[at:end]:  # an empty line ends the chunk before
                self._left = int(size, 16)
            at = end + len(_LINE_END)
        self._rest = data[at:]
        return b"".join(found)


@dataclass(eq=False)
class Client:
    """One client; `ids` is all that it got, in order, over all its connections.

    Attributes:
        after: The event after which it begins; None: with what is new.
    """

    address: Address
    on_event: OnEvent
    after: int | None = None
    ids: array[int] = field(default_factory=lambda: array("q"))
    interruptions: int = 0
    refusals: int = 0
    is_caught_up: asyncio.Event = field(default_factory=asyncio.Event)
    is_connected: asyncio.Event = field(default_factory=asyncio.Event)
    _following: asyncio.Task[None] | None = None
    _stream: _Stream | None = None

    @property
    def last_id(self) -> int | None:
        """The last event that it has."""
        return self.ids[-1] if self.ids else self.after

    def connect(self) -> None:
        """Follow the stream anew, after the last event that was got, if any was."""
        self.drop()
        self._following = asyncio.get_running_loop().create_task(self._follow())

    def drop(self) -> None:
        """Break the connection without a word; :meth:`connect` comes back."""
        if self._following is not None:
            self._following.cancel()
        if self._stream is not None:  # at once: nothing may still come over it
            self._stream.abort()
        self.is_connected.clear()
        self.is_caught_up.clear()

    def received(self, event_id: int, name: bytes, data: bytes, arrival: float) -> None:
        """Keep an event's id, and hand the event on."""
        self.ids.append(event_id)
        self.is_caught_up.set()
        self.on_event(event_id, name, data, arrival)

    async def _follow(self) -> None:
        """Connect, and again whenever the server ended the stream, or did not begin it."""
        loop = asyncio.get_running_loop()
        host, port = self.address.host, self.address.port
        while True:
            try:
                _, stream = await loop.create_connection(lambda: _Stream(self), host, port)
            except OSError:
                self.refusals += 1
            else:
                self._stream = stream
                await stream.ended_or_silent()
                stream.abort()
                self.is_connected.clear()
                self.refusals += stream.is_refused
                self.interruptions += not stream.is_refused
            await asyncio.sleep(_RECONNECT_SECONDS)


class _Stream(asyncio.Protocol):
    """One connection of a client."""

    def __init__(self, client: Client) -> None:
        self.is_ended = asyncio.Event()
        self.is_refused = True  # until the stream has begun
        self._client = client
        self._head = b""
        self._chunks: Chunks | None = None
        self._frames = Frames()
        self._transport: asyncio.Transport | None = None
        self.heard_at = time.time()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    async def ended_or_silent(self) -> None:
        """Wait until the stream ends, or says nothing for longer than heartbeats come."""
        while not self.is_ended.is_set() and time.time() - self.heard_at < SILENT_SECONDS:
            with suppress(TimeoutError):
                async with asyncio.timeout(SILENT_SECONDS - (time.time() - self.heard_at)):
                    await self.is_ended.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        last = self._client.last_id
        position = "" if last is None else f"Last-Event-ID: {last}\r\n"
        head = self._client.address.head("GET", "/api/messages/stream/", position)
        self._transport.write(head + b"\r\n")

    def data_received(self, data: bytes) -> None:
        arrival = self.heard_at = time.time()
        if self.is_refused:
            self._head += data
            head, found, data = self._head.partition(_HEAD_END)
            if not found:
                return
            if b" 200 " not in head.split(_LINE_END, 1)[0]:
                self.is_ended.set()
                return
            self._chunks = Chunks() if _CHUNKED.search(head) else None
            self.is_refused = False
            self._client.is_connected.set()
        if self._chunks is not None:
            data = self._chunks.feed(data)
        for event_id, name, payload in self._frames.feed(data):
            self._client.received(event_id, name, payload, arrival)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self.is_ended.set()


def differences(got: Sequence[int], after: int, table: set[int]) -> dict[str, int]:
    """What one client missed, got twice, out of order, or without its being in the table."""
    ours = [event_id for event_id in got if event_id > after]
    distinct = set(ours)
    return {
        "lost": len(table - distinct),
        "doubled": len(ours) - len(distinct),
        "disordered": sum(one > other for one, other in pairwise(ours)),
        "unknown": len(distinct - table),
    }
