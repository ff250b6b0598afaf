"""Messages over a few raw keep-alive connections, each sent when it is due."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, cast

from blocks.errors import ProdOpsError
from deployments.bench.listener import Door

_LENGTH: Final = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_HEAD_END: Final = b"\r\n\r\n"
_CREATED: Final = 201


class MessageNotTaken(ProdOpsError):
    """The API did not take a message of the bench."""


@dataclass
class Sent:
    """What became of the messages: when each went out, and how long its answer took."""

    at: list[float] = field(default_factory=list)
    answer_seconds: list[float] = field(default_factory=list)
    behind_seconds: float = 0.0


async def send(door: Door, bodies: Sequence[bytes], *, rate: float, connections: int) -> Sent:
    """Send `bodies` at `rate` a second, as far as the answers keep up.

    Raises:
        MessageNotTaken: An answer is not 201, or the connection broke.
    """
    senders = [await _Sender.open(door) for _ in range(min(connections, len(bodies)))]
    sent = Sent(at=[0.0] * len(bodies))
    waiting = iter(enumerate(bodies))
    start = time.monotonic()

    async def work(sender: _Sender) -> None:
        for number, body in waiting:
            early = start + number / rate - time.monotonic()
            if early > 0:
                await asyncio.sleep(early)
            sent.behind_seconds = max(sent.behind_seconds, -early)
            sent.at[number] = time.time()
            await sender.post(body)
            sent.answer_seconds.append(time.time() - sent.at[number])

    try:
        await asyncio.gather(*[work(sender) for sender in senders])
    finally:
        for sender in senders:
            sender.close()
    return sent


class _Sender(asyncio.Protocol):
    """One keep-alive connection, one message at a time."""

    def __init__(self, door: Door) -> None:
        self._head = door.head("POST", "/api/messages/", "Content-Type: application/json\r\n")
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[int] | None = None

    @classmethod
    async def open(cls, door: Door) -> _Sender:
        loop = asyncio.get_running_loop()
        _, sender = await loop.create_connection(lambda: cls(door), door.host, door.port)
        return sender

    async def post(self, body: bytes) -> None:
        if self._transport is None:
            raise MessageNotTaken("the connection is closed")
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(self._head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        status = await self._answer
        if status != _CREATED:
            raise MessageNotTaken(f"a message was answered {status}")

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(_HEAD_END)
        length = _LENGTH.search(head)
        if not found or length is None or len(body) < int(length[1]):
            return
        self._buffer = b""
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(int(head.split(b" ", 2)[1]))

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(MessageNotTaken(f"the connection broke: {exc}"))
