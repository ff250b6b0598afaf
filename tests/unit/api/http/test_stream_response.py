"""A client that takes nothing for too long is left; one that takes its time is not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from typing import Any

import pytest
from sse_starlette.sse import SendTimeoutError

from api.http.stream_response import StreamResponse

SECONDS = 0.2
SCOPE = {"type": "http", "method": "GET", "path": "/", "headers": []}


class Peer:
    """A client that takes each piece after so many seconds; how many it took."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.pieces: list[bytes] = []

    async def send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.body" and message["body"]:
            await asyncio.sleep(self._seconds)
            self.pieces.append(message["body"])

    async def receive(self) -> MutableMapping[str, Any]:
        await asyncio.Event().wait()  # it never goes away by itself
        raise AssertionError


class Source:
    """So many pieces; whether the stream was closed."""

    def __init__(self, number: int) -> None:
        self._number = number
        self.is_closed = False

    async def pieces(self) -> AsyncIterator[bytes]:
        try:
            for number in range(self._number):
                yield b"%d" % number
        finally:
            self.is_closed = True


def follow(source: Source, peer: Peer) -> None:
    async def served() -> None:
        answer = StreamResponse(source.pieces(), headers={}, send_seconds=SECONDS)
        async with asyncio.timeout(20):
            await answer(SCOPE, peer.receive, peer.send)

    asyncio.run(served())


def test_one_that_takes_nothing_is_left_and_the_stream_closed():
    source, peer = Source(3), Peer(3600)
    with pytest.raises(SendTimeoutError):
        follow(source, peer)
    assert (peer.pieces, source.is_closed) == ([], True)


def test_one_that_takes_its_time_for_each_piece_gets_all():
    source, peer = Source(6), Peer(SECONDS / 2)
    follow(source, peer)
    assert (peer.pieces, source.is_closed) == ([b"0", b"1", b"2", b"3", b"4", b"5"], True)
