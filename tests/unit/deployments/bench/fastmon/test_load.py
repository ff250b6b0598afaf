"""The load's process at a small server of events: it sends, follows, counts and compares."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator

import pytest

from api.http.frames import encode
from deployments.bench.common.stack import BenchBroken
from deployments.bench.fastmon.clients import Address
from deployments.bench.fastmon.load import TFS_PER_STF, LoadProcess


class Events:
    """Answers each message with 201, and tells all streams of the TFs of its STF."""

    def __init__(self) -> None:
        self.number = 0
        self._streams: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                if head.startswith(b"GET"):
                    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
                    self._streams.append(writer)
                else:
                    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                    body = json.loads(await reader.readexactly(length))
                    writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
                    for _ in range(TFS_PER_STF):
                        self.tell("tf_file_registered", {"stf_filename": body["filename"]})
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    def tell(self, name: str, body: dict[str, object]) -> None:
        self.number += 1
        frame = encode(name, json.dumps(body), self.number)
        for writer in self._streams:
            writer.write(frame)


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture
def address(events: Events) -> Iterator[Address]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(
        asyncio.start_server(events.serve, "127.0.0.1", 0), loop
    ).result()
    yield Address("127.0.0.1", server.sockets[0].getsockname()[1], "", "token")

    async def end() -> None:
        server.close()
        mine = asyncio.current_task()
        for task in asyncio.all_tasks() - {mine}:
            task.cancel()
        await asyncio.sleep(0.05)

    asyncio.run_coroutine_threadsafe(end(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def test_the_load_plays_and_compares_and_times_and_says_what_it_could_not(events, address):
    with LoadProcess.started() as load:
        assert load.ask("connect", address=address, clients=2)["seconds"] >= 0

        found = load.ask("play", run=1, stfs=3, rate=100.0, patience=10)
        assert len(found["delays"]) == len(found["answers"]) == 3
        assert found["last_arrival"] >= found["first_sent"]

        counts = load.ask("compare", after=0, ids=list(range(1, 3 * TFS_PER_STF + 1)))
        assert set(counts.values()) == {0}
        counts = load.ask("compare", after=0, ids=list(range(2, 3 * TFS_PER_STF + 1)))
        assert counts["unknown"] == 2

        load.ask("time", is_timed=True)
        events.tell("bench", {"stamp": time.time()})
        load.ask("compare", after=0, ids=[events.number])
        assert load.ask("time", is_timed=False)["deliveries"] == 2

        with pytest.raises(BenchBroken, match="the load could not storm: TimeoutError"):
            load.ask("storm", patience=0.3)  # nothing is told meanwhile

        with pytest.raises(BenchBroken, match="the load could not compare: it ended, or took too"):
            load.ask("compare", seconds=0.1, after=0, ids=[10**9])  # which never comes
