"""Who uses the processors: the stack by part, the bench itself, and everybody else."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import psutil

from deployments.bench.common import usage
from deployments.bench.common.stack import BenchStack

BENCH: Final = "the bench"
_SUPERVISOR: Final = "supervisord"


@dataclass(frozen=True)
class Cpu:
    """Processor seconds so far, at a time: of the stack and the bench by part, and of all."""

    at: float
    parts: Mapping[str, float]
    machine: float

    @classmethod
    def now(cls, running: BenchStack) -> Cpu:
        """As it is now."""
        times = psutil.cpu_times()
        # What the hypervisor took is not ours either.
        machine = sum(times) - times.idle - times.iowait - times.guest - times.guest_nice
        root = running.stack.pid(_SUPERVISOR)
        parts = usage.cpu_seconds(root, running.parts, _SUPERVISOR)
        # The stack is started by the bench: its processes are descendants, and parts of their own.
        own = usage.cpu_seconds(os.getpid(), {root: _SUPERVISOR}, BENCH).get(BENCH, 0.0)
        return cls(time.monotonic(), {**parts, BENCH: own}, machine)


@dataclass(frozen=True)
class Used:
    """What was used between two looks."""

    seconds: float
    parts: Mapping[str, float]
    machine: float

    @classmethod
    def between(cls, before: Cpu, after: Cpu) -> Used:
        """What was used between two looks."""
        parts = usage.growth(before.parts, after.parts)
        return cls(after.at - before.at, parts, after.machine - before.machine)

    @property
    def others_cores(self) -> float:
        """Cores that everybody else used."""
        return max(0.0, self.machine - sum(self.parts.values())) / self.seconds

    @property
    def own_cores(self) -> float:
        """Cores that the stack used."""
        return sum(used for part, used in self.parts.items() if part != BENCH) / self.seconds
