"""What becomes of triggers and STFs while the load goes on, and a line for each minute of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import text

from deployments.bench.common.figures import percentile
from deployments.bench.common.stack import BenchStack, say
from deployments.bench.fastmon.load import LoadProcess
from deployments.bench.outage.load import Wish
from deployments.bench.soak import latency
from deployments.bench.soak.cpu import Cpu, Used
from deployments.bench.soak.kinds import Trigger
from flows.common.database import transaction
from flows.common.models import OPEN

_ENDS: Final = text("""
    SELECT id, extract(epoch FROM finished_at)::float AS ended FROM request
    WHERE finished_at >= to_timestamp(:since)
""")
_OVERLAP_SECONDS: Final = 30.0  # a row may be committed long after the time that it names
_OPEN: Final = "SELECT count(*) FROM request WHERE state = ANY(:states)"


@dataclass
class Ends:
    """When requests ended, by their ids; seconds since the epoch."""

    running: BenchStack
    at: dict[int, float] = field(default_factory=dict)
    _since: float = field(default_factory=time.time)

    def look(self) -> set[int]:
        """Look at what has ended meanwhile; gives the ids that are new."""
        since, self._since = self._since - _OVERLAP_SECONDS, time.time()
        with transaction(self.running.engine) as session:
            found = dict(session.execute(_ENDS, {"since": since}).tuples().all())
        new = found.keys() - self.at.keys()
        self.at.update(found)
        return set(new)


@dataclass
class Lags:
    """From an STF's message to its first TF at a client of the stream."""

    clients: LoadProcess
    stfs: Sequence[Wish]
    first_tf: dict[str, float] = field(default_factory=dict)

    def look(self) -> list[float]:
        """Look at what has come meanwhile; gives the seconds of the STFs that are new."""
        arrived: dict[str, float] = self.clients.ask("arrived")["first_tf"]
        new = [name for name in arrived if name not in self.first_tf]
        self.first_tf = arrived | self.first_tf
        return self._seconds(set(new))

    @property
    def seconds(self) -> list[float]:
        """Those of all STFs so far."""
        return self._seconds(set(self.first_tf))

    def _seconds(self, names: set[str]) -> list[float]:
        asked = {each.name: each.asked_at for each in self.stfs if each.asked_at}
        return [self.first_tf[name] - asked[name] for name in names if name in asked]


class Minutes:
    """Says how the load goes, a line for each minute."""

    def __init__(
        self, running: BenchStack, triggers: Sequence[Trigger], ends: Ends, lags: Lags
    ) -> None:
        self._running = running
        self._triggers = triggers
        self._ends = ends
        self._lags = lags
        self._before = Cpu.now(running)
        self._number = 0

    def note(self, mib: float) -> None:
        """Say how the last minute was; `mib`: what all parts have."""
        self._number += 1
        cpu = Cpu.now(self._running)
        used, self._before = Used.between(self._before, cpu), cpu
        new = self._ends.look()
        ended = [each for each in self._triggers if each.wish.request_id in new]
        seconds = latency.taken(ended, self._ends.at)
        every = [each for found in seconds.values() for each in found]
        waiting = self._running.count(_OPEN, states=list(OPEN))
        asked = sum(bool(each.wish.asked_at) for each in self._triggers)
        say(
            f"{self._number:3d}: {asked} asked, {len(ended)} ended, {waiting} open; "
            f"trigger to end {_spread(every)}; STF to client {_spread(self._lags.look())}; "
            f"{used.own_cores:.2f} cores, others {used.others_cores:.2f}; {mib:.0f} MiB"
        )


def _spread(seconds: Sequence[float]) -> str:
    if not seconds:
        return "none"
    return "/".join(f"{percentile(seconds, each):.2f}" for each in latency.PERCENTS) + " s"
