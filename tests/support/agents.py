"""A monitor and a transport in memory, for agents: what was asked and sent, and outages at will."""

from __future__ import annotations

import itertools
import queue
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blocks.back_off import BackOff
from blocks.monitor_api.agents import AlreadyThere
from blocks.monitor_api.errors import MonitorUnavailable
from deployments.agents.memory import Memory
from deployments.agents.patience import Patience
from deployments.agents.runtime import Runtime
from deployments.agents.transport import Outgoing, Received
from flows.common.settings import AgentSettings

URL = "http://monitor"
_UNIQUE = {
    "runs": ("run_number",),
    "stf-files": ("stf_filename",),
    "tf-slices": ("fastmon_file", "slice_id"),
    "subscribers": ("subscriber_name",),
}
_KEYS = {"runs": "run_id", "stf-files": "file_id", "run-states": "run_number"}


@dataclass
class MonitorInMemory:
    """What an agent sees of a monitor (`AgentApi`).

    Attributes:
        asked: What was called, in order.
        outages: How many calls fail, from now on; by name of the call, or of all.
        lost: How many messages are taken, and their answers lost.
    """

    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    heartbeats: list[dict[str, Any]] = field(default_factory=list)
    logs: list[dict[str, Any]] = field(default_factory=list)
    sent: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    outages: dict[str, int] = field(default_factory=dict)
    lost: int = 0
    url: str = URL
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def _note(self, what: str) -> None:
        self.asked.append(what)
        for name in (what.split(maxsplit=1)[0], "all"):
            if self.outages.get(name, 0) > 0:
                self.outages[name] -= 1
                raise MonitorUnavailable("no answer")

    def next_agent_id(self) -> int:
        self._note("next_agent_id")
        return next(self._numbers)

    def heartbeat(self, said: dict[str, Any]) -> None:
        self._note("heartbeat")
        self.heartbeats.append(said)

    def subscribe(self, name: str, description: str) -> None:
        self._note(f"subscribe {name}")

    def log(self, record: dict[str, Any]) -> None:
        self._note("log")
        self.logs.append(record)

    def send(self, message: dict[str, Any]) -> None:
        self._note(f"send {message['msg_type']}")
        self.sent.append(message)
        if self.lost:
            self.lost -= 1
            raise MonitorUnavailable("the answer was lost")

    def rows(self, collection: str, **filters: str) -> list[dict[str, Any]]:
        self._note(f"rows {collection}")
        if collection == "workflow-messages":
            return [
                {"message_type": each["msg_type"], "message_content": each} for each in self.sent
            ]
        return [dict(row) for row in self.tables.get(collection, [])]

    def row(self, collection: str, key: object) -> dict[str, Any] | None:
        self._note(f"row {collection}")
        return next((dict(row) for row in self._table(collection) if _is(row, key)), None)

    def add(self, collection: str, row: dict[str, Any]) -> dict[str, Any]:
        self._note(f"add {collection}")
        unique = [row[name] for name in _UNIQUE.get(collection, ())]
        for each in self._table(collection):
            if unique and [each[name] for name in _UNIQUE[collection]] == unique:
                raise AlreadyThere(400, "already exists")
        name = _KEYS.get(collection, "id")
        made = {name: next(self._numbers), **row}
        self._table(collection).append(made)
        return dict(made)

    def change(self, collection: str, key: object, values: dict[str, Any]) -> dict[str, Any]:
        self._note(f"change {collection}")
        (row,) = [each for each in self._table(collection) if _is(each, key)]
        row.update(values)
        return dict(row)

    def _table(self, collection: str) -> list[dict[str, Any]]:
        return self.tables.setdefault(collection, [])


def _is(row: dict[str, Any], key: object) -> bool:
    names = ("run_id", "file_id", "execution_id", "id")
    first = "run_number" if "phase" in row else next(name for name in names if name in row)
    return str(row[first]) == str(key)


@dataclass
class TransportInMemory:
    """Messages from a queue, and to the monitor in memory; closed, it ends."""

    monitor: MonitorInMemory
    has_destinations: bool = False
    is_connected: bool = False
    settled_at: list[int] = field(default_factory=list)
    outgoing: list[Outgoing] = field(default_factory=list)
    asked: list[tuple[list[str], int | None]] = field(default_factory=list)
    start: int = 0
    _coming: queue.Queue[Received | None] = field(default_factory=queue.Queue)

    def receive(
        self,
        msg_types: Collection[str],
        after: int | None,
        *,
        connected: Callable[[int | None], None],
    ) -> Iterator[Received]:
        self.asked.append((sorted(msg_types), after))
        self.is_connected = True
        connected(self.start if after is None else after)
        while (received := self._coming.get()) is not None:
            yield received

    def put(self, *bodies: dict[str, Any], first: int = 1) -> None:
        for number, body in enumerate(bodies, first):
            self._coming.put(Received(body=body, position=number))

    def settled(self, position: int) -> None:
        self.settled_at.append(position)

    def send(self, message: Outgoing) -> None:
        self.outgoing.append(message)
        self.monitor.send(message.body)

    def close(self) -> None:
        self._coming.put(None)


@dataclass
class World:
    """One life of an agent in memory; what it remembers is in a file."""

    directory: Path
    monitor: MonitorInMemory = field(default_factory=MonitorInMemory)
    namespace: str = "torre1"
    has_destinations: bool = False
    configured: dict[str, Any] = field(default_factory=dict)

    def live(self, make: Callable[[Runtime], Any], *bodies: dict[str, Any], first: int = 1) -> int:
        """Let an agent live until it has had the messages; gives its exit code."""
        self.transport = TransportInMemory(self.monitor, self.has_destinations)
        self.transport.put(*bodies, first=first)
        self.transport.close()
        with Memory.open(self.directory / "memory.json", URL) as memory:
            self.runtime = Runtime(
                self.monitor,  # type: ignore[arg-type]
                self.transport,
                memory,
                AgentSettings(**{"heartbeat_seconds": 100, **self.configured}),
                namespace=self.namespace,
                patience=Patience(BackOff(0.001, 0.002)),
            )
            return self.runtime.run(make(self.runtime))

    def table(self, name: str) -> list[dict[str, Any]]:
        return self.monitor.tables.get(name, [])

    def kinds(self) -> list[str]:
        return [each["msg_type"] for each in self.monitor.sent]
