"""A listener on the live stream over a raw connection: light enough to run a thousand of.

It keeps the ids that it got, and comes back with the last of them when the server ends its stream.
"""

from __future__ import annotations

import asyncio
import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, cast

from deployments.bench.frames import Frames

_AGAIN_SECONDS: Final = 0.1
_HEAD_END: Final = b"\r\n\r\n"

Hear = Callable[[int, bytes, bytes, float], None]
"""Is given each event: id, name, data, time of arrival."""


@dataclass(frozen=True)
class Door:
    """Where the API is, and what opens it."""

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


@dataclass(eq=False)
class Listener:
    """One client; `ids` is all that it got, in order, over all its connections."""

    door: Door
    hear: Hear
    ids: array[int] = field(default_factory=lambda: array("q"))
    interruptions: int = 0
    refusals: int = 0
    is_caught_up: asyncio.Event = field(default_factory=asyncio.Event)
    is_connected: asyncio.Event = field(default_factory=asyncio.Event)
    _is_wanted: bool = False
    _transport: asyncio.Transport | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def connect(self) -> None:
        """Listen from now on, after the last event that was got, if any was."""
        self._is_wanted = True
        self._dial()

    def drop(self) -> None:
        """Break the connection without a word; :meth:`connect` comes back."""
        self._is_wanted = False
        self.is_connected.clear()
        self.is_caught_up.clear()
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    # -------------------------------------------------------------- the connection's calls

    def opened(self, transport: asyncio.Transport) -> None:
        """Ask for the stream."""
        self._transport = transport
        position = f"Last-Event-ID: {self.ids[-1]}\r\n" if self.ids else ""
        transport.write(self.door.head("GET", "/api/messages/stream/", position) + b"\r\n")

    def heard(self, event_id: int, name: bytes, data: bytes, arrival: float) -> None:
        """Keep an event's id, and hand the event on."""
        self.ids.append(event_id)
        self.is_caught_up.set()
        self.hear(event_id, name, data, arrival)

    def ended(self, transport: asyncio.Transport, *, is_refused: bool) -> None:
        """Come back where the server ended the stream, or did not begin it."""
        if transport is not self._transport:
            return
        self._transport = None
        self.is_connected.clear()
        self.refusals += is_refused
        self.interruptions += not is_refused
        if self._is_wanted:
            asyncio.get_running_loop().call_later(_AGAIN_SECONDS, self._dial)

    def _dial(self) -> None:
        if self._is_wanted and self._transport is None:
            task = asyncio.get_running_loop().create_task(self._open())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: _Stream(self), self.door.host, self.door.port)
        except OSError:
            self.refusals += 1
            loop.call_later(_AGAIN_SECONDS, self._dial)


class _Stream(asyncio.Protocol):
    """One connection of a listener."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._head: bytes | None = b""
        self._frames = Frames()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._listener.opened(self._transport)

    def data_received(self, data: bytes) -> None:
        arrival = time.time()
        if self._head is not None:
            self._head += data
            head, found, data = self._head.partition(_HEAD_END)
            if not found:
                return
            if b" 200 " not in head.split(b"\r\n", 1)[0]:
                self._end(is_refused=True)
                return
            self._head = None
            self._listener.is_connected.set()
        for event_id, name, payload in self._frames.feed(data):
            self._listener.heard(event_id, name, payload, arrival)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._end(is_refused=self._head is not None)

    def _end(self, *, is_refused: bool) -> None:
        if self._transport is not None:
            transport, self._transport = self._transport, None
            transport.abort()
            self._listener.ended(transport, is_refused=is_refused)
