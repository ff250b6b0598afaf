"""Whether a part's memory grows: looks at it over time, and how the last compare with the first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from deployments.bench.common import usage
from deployments.bench.common.figures import columns, median
from deployments.bench.common.stack import BenchStack
from deployments.bench.submission.chaos.victims import Victims
from deployments.stack.credentials import RUCIO_DATABASE
from deployments.stack.parts import BROKER, GRID

_WARM_SECONDS: Final = 300.0
_WINDOW_SECONDS: Final = 300.0  # what is asked for seldom comes once in it: else one had a sweep
_SHARE: Final = 6
"""Of a short run, the first sixth is dropped, and the next one is compared with the last."""
_RUCIO_BACKENDS: Final = "rucio's backends"
OUTSIDE: Final = frozenset({"panda", BROKER, *GRID, _RUCIO_BACKENDS})
"""Parts that stand for what is outside; their growth is shown, and not ours."""
_BACKENDS: Final = "SELECT pid FROM pg_stat_activity WHERE datname = :database"
_SUPERVISOR: Final = "supervisord"
_GUARDIAN: Final = "guardian"
_RUNS: Final = "runs"


@dataclass(frozen=True)
class Look:
    """Memory of each part, in MiB, so many seconds after the load began."""

    at_seconds: float
    mib: Mapping[str, float]


@dataclass(frozen=True)
class Growth:
    """What a part had after the first minutes, and at the end; in MiB."""

    part: str
    before: float
    after: float

    @property
    def ratio(self) -> float:
        """By how much it grew; 1: not at all."""
        return self.after / self.before if self.before else 1.0


@dataclass
class Windows:
    """The times of a load that are compared: from and to, in seconds after it began."""

    first: tuple[float, float]
    last: tuple[float, float]

    @classmethod
    def of(cls, seconds: float) -> Windows:
        """Those of a load of that length: of half an hour, the second five minutes and the last."""
        begin = min(_WARM_SECONDS, seconds / _SHARE)
        length = min(_WINDOW_SECONDS, seconds / _SHARE)
        return cls((begin, begin + length), (seconds - length, seconds))


@dataclass
class Looks:
    """All looks."""

    taken: list[Look] = field(default_factory=list)

    def growths(self, seconds: float) -> list[Growth]:
        """How each part grew over a load of that length, those that grew most first."""
        windows = Windows.of(seconds)
        before, after = self._medians(windows.first), self._medians(windows.last)
        both = [Growth(part, before[part], after[part]) for part in before if part in after]
        return sorted(both, key=lambda each: -each.ratio)

    def _medians(self, window: tuple[float, float]) -> dict[str, float]:
        begin, end = window
        within = [each.mib for each in self.taken if begin <= each.at_seconds <= end]
        parts = dict.fromkeys(part for mib in within for part in mib)
        return {part: median([mib.get(part, 0.0) for mib in within]) for part in parts}


class Watcher:
    """Looks at the memory of a stack's parts; the runs under way, which come and go, do not count.

    What counts is anonymous memory: neither files nor what is shared, as PostgreSQL's buffers are,
    which fill with use.
    """

    def __init__(self, running: BenchStack) -> None:
        self._running = running
        self._victims = Victims(running)

    def look(self, at_seconds: float) -> Look:
        """What each part has now."""
        parts = self._running.parts
        if (guardian := self._victims.guardian()) is not None:
            parts[guardian.pid] = _GUARDIAN
        parts |= {each.pid: _RUNS for each in self._victims.runs()}
        # The sandbox's Rucio has its database on the stack's server.
        backends = self._running.values(_BACKENDS, database=RUCIO_DATABASE)
        parts |= dict.fromkeys(backends, _RUCIO_BACKENDS)
        root = self._running.stack.pid(_SUPERVISOR)
        mib = usage.own_mib(root, parts, _SUPERVISOR)
        mib.pop(_RUNS, None)
        return Look(at_seconds, mib)


def table(growths: Sequence[Growth]) -> str:
    """The growth of each part, for people."""
    rows = [
        (each.part, f"{each.before:.1f}", f"{each.after:.1f}", f"{each.ratio:.3f}")
        for each in growths
    ]
    return columns(("part", "MiB before", "MiB at the end", "ratio"), rows)
