"""Many listeners as one: connected, dropped together, and held against the event table."""

from __future__ import annotations

import asyncio
import re
import time
from array import array
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

from deployments.bench.common.figures import percentile
from deployments.bench.listener import Door, Listener

_STAMP: Final = re.compile(rb'"stamp": ([0-9.]+)')
_STF: Final = re.compile(rb'"stf_filename": "([^"]+)"')
_LOOK_SECONDS: Final = 0.02
_REGISTERED: Final = b"tf_file_registered"


class Crowd:
    """The listeners of one bench.

    Attributes:
        delays: Seconds from an event's stamp to its arrival, of every delivery, while timed.
        first_tf: When the first TF of an STF arrived at the first listener, by the STF's name.
        tfs: How many TFs arrived there.
    """

    def __init__(self, door: Door, size: int) -> None:
        self.delays = array("d")
        self.first_tf: dict[str, float] = {}
        self.tfs = 0
        self.last_tf_at = 0.0
        self.is_timed = False
        self._stamps: dict[int, float] = {}
        self._listeners = [Listener(door, self._hear) for _ in range(size)]
        if self._listeners:
            self._listeners[0].hear = self._hear_first

    async def connect(self, seconds: float) -> None:
        """Connect all, and wait until each has its stream."""
        for listener in self._listeners:
            listener.connect()
        async with asyncio.timeout(seconds):
            for listener in self._listeners:
                await listener.is_connected.wait()

    async def storm(self, seconds: float) -> float:
        """Drop all at once, reconnect all at once; gives the seconds until all have news again."""
        began = time.monotonic()
        for listener in self._listeners:
            listener.drop()
        for listener in self._listeners:
            listener.connect()
        async with asyncio.timeout(seconds):
            for listener in self._listeners:
                await listener.is_caught_up.wait()
        return time.monotonic() - began

    async def reach(self, event_id: int, seconds: float) -> bool:
        """Wait until every listener has got that event; False where one has not, in that time."""
        deadline = time.monotonic() + seconds
        while not all(each.ids and each.ids[-1] >= event_id for each in self._listeners):
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(_LOOK_SECONDS)
        return True

    async def receive_tfs(self, number: int, seconds: float) -> None:
        """Wait until the first listener has got so many TFs, or the time is over."""
        deadline = time.monotonic() + seconds
        while self.tfs < number and time.monotonic() < deadline:  # noqa: ASYNC110 - rarely waits
            await asyncio.sleep(_LOOK_SECONDS)

    def forget_tfs(self) -> None:
        """Count TFs anew."""
        self.first_tf.clear()
        self.tfs = 0

    def drop(self) -> None:
        """Break all connections."""
        for listener in self._listeners:
            listener.drop()

    def compare(self, after: int, expected: Sequence[int]) -> dict[str, int]:
        """Hold what each listener got, after an id, against what the table has."""
        found = {"lost": 0, "doubled": 0, "disordered": 0, "unknown": 0}
        table = set(expected)
        for listener in self._listeners:
            for name, count in differences(listener.ids, after, table).items():
                found[name] += count
        found["interruptions"] = sum(each.interruptions for each in self._listeners)
        found["refusals"] = sum(each.refusals for each in self._listeners)
        return found

    def delay_figures(self) -> dict[str, Any]:
        """Percentiles of the delays."""
        shown = {f"p{percent}": percentile(self.delays, percent) for percent in (50, 99)}
        return {**shown, "max": max(self.delays), "deliveries": len(self.delays)}

    def _hear(self, event_id: int, _name: bytes, data: bytes, arrival: float) -> None:
        if not self.is_timed:
            return
        stamp = self._stamps.get(event_id)
        if stamp is None:
            found = _STAMP.search(data)
            stamp = self._stamps[event_id] = float(found[1]) if found else 0.0
        if stamp:
            self.delays.append(arrival - stamp)

    def _hear_first(self, event_id: int, name: bytes, data: bytes, arrival: float) -> None:
        self._hear(event_id, name, data, arrival)
        if name == _REGISTERED and (found := _STF.search(data)):
            self.tfs += 1
            self.last_tf_at = arrival
            self.first_tf.setdefault(found[1].decode(), arrival)


def differences(got: Sequence[int], after: int, table: set[int]) -> dict[str, int]:
    """What one listener missed, got twice, out of order, or without its being in the table."""
    ours = [event_id for event_id in got if event_id > after]
    distinct = set(ours)
    return {
        "lost": len(table - distinct),
        "doubled": len(ours) - len(distinct),
        "disordered": sum(one > other for one, other in pairwise(ours)),
        "unknown": len(distinct - table),
    }
