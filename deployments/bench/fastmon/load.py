"""The load of a bench, in a process of its own: it does what the bench orders.

:class:`LoadProcess` is the bench's end of it, and :class:`Load` carries out the orders.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import re
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any, Final
from urllib.parse import urlsplit

import uvloop

from blocks.errors import ProdOpsError
from deployments.bench.common.figures import percentile
from deployments.bench.common.stack import BenchBroken, BenchStack
from deployments.bench.fastmon.clients import Address, Client, differences
from flows.workflows.domain import simulation

TFS_PER_STF: Final = 7
_CONNECTIONS: Final = 8
_CONNECT_SECONDS: Final = 60.0
_REACH_SECONDS: Final = 20.0
_LATE_SECONDS: Final = 0.5
_POLL_SECONDS: Final = 0.02
_NO_ANSWER: Final = {"error": "it ended, or took too long"}
_LENGTH: Final = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_STAMP: Final = re.compile(rb'"stamp": ([0-9.]+)')
_STF: Final = re.compile(rb'"stf_filename": "([^"]+)"')
_REGISTERED: Final = b"tf_file_registered"
_STORED: Final = {200, 201}  # of a batch, and of one message
_ONE: Final = "/api/messages/"
_BATCH: Final = "/api/messages/batch/"


class LoadProcess:
    """The process that makes the load, and does what it is asked."""

    def __init__(self, pid: int, orders: Connection) -> None:
        self.pid = pid
        self._orders = orders

    @classmethod
    @contextmanager
    def started(cls) -> Iterator[LoadProcess]:
        """A load process, ended afterwards; it also ends with this one."""
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs,), daemon=True)
        process.start()
        theirs.close()
        try:
            yield cls(process.pid or 0, ours)
        finally:
            process.kill()
            process.join()

    def connect(self, running: BenchStack, clients: int, *, after: int | None = None) -> float:
        """Connect so many clients to a stack; gives the seconds until each has its stream.

        Args:
            running: The stack.
            clients: How many.
            after: The event after which they begin; None: with what is new.
        """
        url = urlsplit(running.stack.api_url)
        address = Address(url.hostname or "", url.port or 0, url.path, running.token)
        return float(self.ask("connect", address=address, clients=clients, after=after)["seconds"])

    def ask(self, do: str, *, seconds: float = 90.0, **order: Any) -> dict[str, Any]:
        """Order something and wait for the answer.

        Raises:
            BenchBroken: It failed, or did not answer in `seconds`.
        """
        answer: dict[str, Any] = _NO_ANSWER
        try:
            self._orders.send((do, order))
            if self._orders.poll(seconds):
                answer = self._orders.recv()
        except (EOFError, ConnectionError):
            answer = _NO_ANSWER
        if "error" in answer:
            raise BenchBroken(f"the load could not {do}: {answer['error']}")
        return answer


# ------------------------------------------------------------------ in the load's process


class Load:
    """Carries out the orders; each method's arguments are an order's fields."""

    def __init__(self) -> None:
        self._address = Address("", 0, "", "")
        self._clients: list[Client] = []
        self._is_timed = False
        self._delays = array("d")  # of every delivery while timed, from the event's stamp
        self._stamps: dict[int, float] = {}
        # What the first client got: when the first TF of an STF came, by the STF's name.
        self._first_tf: dict[str, float] = {}
        self._tfs = 0
        self._last_tf_at = 0.0

    async def connect(
        self, address: Address, clients: int, after: int | None = None
    ) -> dict[str, Any]:
        """Connect clients, instead of those that there were, and wait until each has its stream."""
        for client in self._clients:
            client.drop()
        self._address = address
        self._clients = [Client(address, self._on_event, after) for _ in range(clients)]
        self._clients[0].on_event = self._on_first_clients_event
        return {"seconds": await self._connect_all(_CONNECT_SECONDS, lambda c: c.is_connected)}

    async def time(self, *, is_timed: bool) -> dict[str, Any]:
        """Begin or end the timing of every delivery; at the end, give its percentiles."""
        self._is_timed = is_timed
        if is_timed:
            return {}
        shown = {f"p{percent}": percentile(self._delays, percent) for percent in (50, 99)}
        return {**shown, "max": max(self._delays), "deliveries": len(self._delays)}

    async def storm(self, patience: float) -> dict[str, Any]:
        """Drop all clients and reconnect them with their last ids, until all have news again."""
        return {"recovery_s": await self._connect_all(patience, lambda c: c.is_caught_up)}

    async def compare(self, after: int, ids: list[int]) -> dict[str, Any]:
        """Wait for the last event, then hold what each client got against the table's ids."""
        clients, table = self._clients, set(ids)
        if ids:
            await _until(
                lambda: all(c.ids and c.ids[-1] >= ids[-1] for c in clients), _REACH_SECONDS
            )
        found = {
            "behind": sum(not c.ids or c.ids[-1] < ids[-1] for c in clients) if ids else 0,
            "interruptions": sum(each.interruptions for each in clients),
            "refusals": sum(each.refusals for each in clients),
        }
        for client in clients:
            for name, count in differences(client.ids, after, table).items():
                found[name] = found.get(name, 0) + count
        return found

    async def behind(self, event_id: int) -> dict[str, Any]:
        """How many clients do not have the event, soon after it was written."""

        def late() -> int:
            return sum(not each.ids or each.ids[-1] < event_id for each in self._clients)

        await _until(lambda: not late(), _LATE_SECONDS)
        return {"clients": late()}

    async def arrived(self) -> dict[str, Any]:
        """When the first TF of an STF came to the first client, by the STF's name; new ones only.

        A later TF of the same STF may be named anew.
        """
        found, self._first_tf = self._first_tf, {}
        return {"first_tf": found}

    async def play(
        self, run: int, stfs: int, rate: float, patience: float, batch: int = 1
    ) -> dict[str, Any]:
        """Announce STFs at a rate, `batch` in a call; wait until every TF of theirs has arrived."""
        plan = simulation.RunPlan(run, stfs, namespace="bench")
        ready = [
            body for _, body in simulation.simulate_run(plan) if body["msg_type"] == "stf_ready"
        ]
        self._first_tf.clear()
        self._tfs = 0
        bodies = [json.dumps(body).encode() for body in _calls(ready, batch)]
        path = _ONE if batch == 1 else _BATCH
        address = self._address
        sent = await send(address, bodies, rate=rate / batch, connections=_CONNECTIONS, path=path)
        await _until(lambda: self._tfs >= stfs * TFS_PER_STF, patience)
        delays = [
            self._first_tf[body["filename"]] - sent.at[number // batch]
            for number, body in enumerate(ready)
            if body["filename"] in self._first_tf
        ]
        return {
            "delays": delays,
            "answers": sent.answer_seconds,
            "behind_s": sent.behind_seconds,
            "sending_s": max(sent.at) - min(sent.at),
            "first_sent": min(sent.at),
            "last_arrival": self._last_tf_at,
        }

    async def _connect_all(
        self, patience: float, is_there: Callable[[Client], asyncio.Event]
    ) -> float:
        """Connect all clients anew; gives the seconds until each is there."""
        began = time.monotonic()
        for client in self._clients:
            client.connect()
        async with asyncio.timeout(patience):
            for client in self._clients:
                await is_there(client).wait()
        return time.monotonic() - began

    def _on_event(self, event_id: int, _name: bytes, data: bytes, arrival: float) -> None:
        if not self._is_timed:
            return
        stamp = self._stamps.get(event_id)
        if stamp is None:
            found = _STAMP.search(data)
            stamp = self._stamps[event_id] = float(found[1]) if found else 0.0
        if stamp:
            self._delays.append(arrival - stamp)

    def _on_first_clients_event(
        self, event_id: int, name: bytes, data: bytes, arrival: float
    ) -> None:
        self._on_event(event_id, name, data, arrival)
        if name == _REGISTERED and (found := _STF.search(data)):
            self._tfs += 1
            self._last_tf_at = arrival
            self._first_tf.setdefault(found[1].decode(), arrival)


def _calls(messages: Sequence[dict[str, Any]], batch: int) -> list[dict[str, Any]]:
    """The bodies of the calls that send these messages."""
    if batch == 1:
        return list(messages)
    starts = range(0, len(messages), batch)
    return [{"messages": messages[start : start + batch]} for start in starts]


async def _until(is_so: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not is_so() and time.monotonic() < deadline:  # noqa: ASYNC110 - rarely waits
        await asyncio.sleep(_POLL_SECONDS)


class MessageNotTaken(ProdOpsError):
    """The API did not take a message of the bench."""


@dataclass
class Sent:
    """What became of the messages: when each went out, and how long its answer took."""

    at: list[float] = field(default_factory=list)
    answer_seconds: list[float] = field(default_factory=list)
    behind_seconds: float = 0.0


async def send(
    address: Address, bodies: Sequence[bytes], *, rate: float, connections: int, path: str = _ONE
) -> Sent:
    """Send `bodies` at `rate` a second over keep-alive connections, as far as answers keep up.

    Raises:
        MessageNotTaken: An answer says that it is not stored, or the connection broke.
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
                writer.write(_message(address, path, body))
                await _read_answer(reader)
                sent.answer_seconds.append(time.time() - sent.at[number])
        finally:
            writer.close()

    await asyncio.gather(*[work() for _ in range(min(connections, len(bodies)))])
    return sent


def _message(address: Address, path: str, body: bytes) -> bytes:
    head = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return address.head("POST", path, head) + body


async def _read_answer(reader: asyncio.StreamReader) -> None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        await reader.readexactly(int(length[1]) if length else 0)
    except (asyncio.IncompleteReadError, ConnectionError) as error:
        raise MessageNotTaken(f"the connection broke: {error}") from error
    if (status := int(head.split(b" ", 2)[1])) not in _STORED:
        raise MessageNotTaken(f"a message was answered {status}")


async def _carry_out(orders: Connection) -> None:
    load = Load()
    while True:
        try:
            do, order = await asyncio.to_thread(orders.recv)
        except EOFError:
            return
        try:
            answer = await getattr(load, do)(**order)
        except (ProdOpsError, OSError) as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        orders.send(answer)


def _serve(orders: Connection) -> None:
    uvloop.run(_carry_out(orders))
