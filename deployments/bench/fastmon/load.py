"""The load of a bench, in a process of its own: it does what the bench orders over its input.

`python -m deployments.bench.fastmon.load`: an order is a line of JSON, and so is its answer. It
ends with its input. :class:`LoadProcess` is the bench's end of it.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from blocks.errors import ProdOpsError
from deployments.bench.common.stack import BenchBroken
from deployments.bench.fastmon.clients import Address, Clients
from flows.fastmon import daq

_LINE_BYTES: Final = 64 << 20
_CONNECT_SECONDS: Final = 60.0
_STF_BYTES: Final = 2 * 1024**3
_TFS_IN_STF: Final = 1000
_NO_ANSWER: Final = '{"error": "it ended, or took too long"}'
_LENGTH: Final = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_CREATED: Final = 201


class LoadProcess:
    """The process that makes the load, and does what it is asked."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    @classmethod
    @contextmanager
    def started(cls) -> Iterator[LoadProcess]:
        """A load process, ended afterwards."""
        with subprocess.Popen(
            [sys.executable, "-m", "deployments.bench.fastmon.load"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield cls(process)
            finally:
                process.kill()

    @property
    def pid(self) -> int:
        """Its pid."""
        return self._process.pid

    def ask(self, do: str, *, seconds: float = 90.0, **order: Any) -> dict[str, Any]:
        """Order something and wait for the answer.

        Raises:
            BenchBroken: It failed, or did not answer in `seconds`.
        """
        if self._process.stdin is None or self._process.stdout is None:
            raise BenchBroken("the load has no pipes")
        deadline = threading.Timer(seconds, self._process.kill)
        deadline.start()
        try:
            self._process.stdin.write(json.dumps({"do": do, **order}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        finally:
            deadline.cancel()
        answer: dict[str, Any] = json.loads(line or _NO_ANSWER)
        if "error" in answer:
            raise BenchBroken(f"the load could not {do}: {answer['error']}")
        return answer


# ------------------------------------------------------------------ in the load's process


class Load:
    """Carries out the orders; each method's arguments are an order's fields."""

    def __init__(self) -> None:
        self._address = Address("", 0, "", "")
        self._clients = Clients(self._address, 0)

    async def connect(self, address: dict[str, Any], clients: int) -> dict[str, Any]:
        """Connect the clients."""
        began = time.monotonic()
        self._clients.drop()
        self._address = Address(**address)
        self._clients = Clients(self._address, clients)
        await self._clients.connect(_CONNECT_SECONDS)
        return {"seconds": time.monotonic() - began}

    async def time(self, *, is_timed: bool) -> dict[str, Any]:
        """Begin or end the timing of every delivery; at the end, give its percentiles."""
        self._clients.is_timed = is_timed
        return {} if is_timed else self._clients.delay_figures()

    async def storm(self, patience: float) -> dict[str, Any]:
        """Drop all clients and reconnect them with their last ids."""
        return {"recovery_s": await self._clients.reconnect(patience)}

    async def compare(self, after: int, ids: list[int], patience: float) -> dict[str, Any]:
        """Wait for the last event, then hold what each client got against the table's ids."""
        if ids:
            await self._clients.reach(ids[-1], patience)
        return self._clients.compare(after, ids)

    async def play(
        self,
        *,
        run: int,
        namespace: str,
        stfs: int,
        rate: float,
        connections: int,
        tfs_per_stf: int,
        patience: float,
    ) -> dict[str, Any]:
        """Announce STFs at a rate; wait until every TF of theirs has arrived."""
        plan = daq.RunPlan(
            run, stfs, namespace=namespace, size_bytes=_STF_BYTES, tf_count=_TFS_IN_STF
        )
        ready = [body for _, body in daq.simulate_run(plan) if body["msg_type"] == "stf_ready"]
        self._clients.forget_tfs()
        bodies = [json.dumps(body).encode() for body in ready]
        sent = await send(self._address, bodies, rate=rate, connections=connections)
        await self._clients.receive_tfs(stfs * tfs_per_stf, patience)
        arrived = self._clients.first_tf
        delays = [
            arrived[body["filename"]] - at
            for body, at in zip(ready, sent.at, strict=True)
            if body["filename"] in arrived
        ]
        return {
            "delays": delays,
            "answers": sent.answer_seconds,
            "behind_s": sent.behind_seconds,
            "sending_s": max(sent.at) - min(sent.at),
            "first_sent": min(sent.at),
            "last_arrival": self._clients.last_tf_at,
            "tfs": self._clients.tfs,
        }


class MessageNotTaken(ProdOpsError):
    """The API did not take a message of the bench."""


@dataclass
class Sent:
    """What became of the messages: when each went out, and how long its answer took."""

    at: list[float] = field(default_factory=list)
    answer_seconds: list[float] = field(default_factory=list)
    behind_seconds: float = 0.0


async def send(address: Address, bodies: Sequence[bytes], *, rate: float, connections: int) -> Sent:
    """Send `bodies` at `rate` a second over keep-alive connections, as far as answers keep up.

    Raises:
        MessageNotTaken: An answer is not 201, or the connection broke.
    """
    sent = Sent(at=[0.0] * len(bodies))
    waiting = iter(enumerate(bodies))
    start = time.monotonic()

    async def work() -> None:
        reader, writer = await asyncio.open_connection(address.host, address.port)
        try:
            for number, body in waiting:
                early = start + number / rate - time.monotonic()
                if early > 0:
                    await asyncio.sleep(early)
                sent.behind_seconds = max(sent.behind_seconds, -early)
                sent.at[number] = time.time()
                writer.write(_message(address, body))
                await _read_answer(reader)
                sent.answer_seconds.append(time.time() - sent.at[number])
        finally:
            writer.close()

    await asyncio.gather(*[work() for _ in range(min(connections, len(bodies)))])
    return sent


def _message(address: Address, body: bytes) -> bytes:
    head = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return address.head("POST", "/api/messages/", head) + body


async def _read_answer(reader: asyncio.StreamReader) -> None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        await reader.readexactly(int(length[1]) if length else 0)
    except (asyncio.IncompleteReadError, ConnectionError) as error:
        raise MessageNotTaken(f"the connection broke: {error}") from error
    if (status := int(head.split(b" ", 2)[1])) != _CREATED:
        raise MessageNotTaken(f"a message was answered {status}")


async def _serve() -> None:
    reader = asyncio.StreamReader(limit=_LINE_BYTES)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    load = Load()
    while line := await reader.readline():
        order = json.loads(line)
        try:
            answer = await getattr(load, order.pop("do"))(**order)
        except (ProdOpsError, OSError, TimeoutError) as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def main() -> None:
    """Serve orders, on uvloop where it is installed."""
    if importlib.util.find_spec("uvloop"):
        importlib.import_module("uvloop").run(_serve())
    else:
        asyncio.run(_serve())


if __name__ == "__main__":
    main()
