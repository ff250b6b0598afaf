"""How busy others keep the machine: their threads that run or wait for a processor.

Processor time does not say it: on a crowded machine others get what is left, as everybody does.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Final

import psutil

_PROC: Final = Path("/proc")
_RUNNING: Final = "procs_running"
_RUNNABLE: Final = "R"


@dataclass
class Others:
    """Looks at the threads that are runnable, without those of some processes.

    Attributes:
        roots: The processes that are ours, with their descendants, beside this one.
        seen: How many threads of others were runnable at each look. Single values may be
            below 0, since nothing stands still during a look.
    """

    roots: tuple[int, ...] = ()
    seen: list[int] = field(default_factory=list)

    def look(self) -> None:
        """Look once."""
        every = _machine()
        self.seen.append(every - sum(map(_of_process, self._ours())))

    @property
    def load(self) -> float:
        """Their mean over all looks, as a load average would be; 0 without a look."""
        return max(0.0, fmean(self.seen)) if self.seen else 0.0

    def _ours(self) -> set[int]:
        tops = [psutil.Process(pid) for pid in (os.getpid(), *self.roots)]
        below = {each.pid for top in tops for each in top.children(recursive=True)}
        return below | {top.pid for top in tops}


def _machine() -> int:
    """Threads of the whole machine that are runnable now."""
    lines = (_PROC / "stat").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(_RUNNING)))


def _of_process(pid: int) -> int:
    """Threads of a process that are runnable now; 0 where it has ended."""
    found = 0
    for stat in _PROC.glob(f"{pid}/task/*/stat"):
        try:
            text = stat.read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        found += text.rpartition(") ")[2].startswith(_RUNNABLE)  # a name may hold anything
    return found
