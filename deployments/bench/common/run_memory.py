"""What the processes of runs take of memory, seen from outside. Needs Linux's /proc."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from deployments.bench.common.stack import BenchStack
from deployments.bench.submission.chaos.victims import Victims
from flows.common.sessions import members

_SAMPLE_SECONDS: Final = 0.05
_KIB_PER_MIB: Final = 1024


class RunMemory:
    """The largest resident set that a run had, with all processes of its session, in MiB."""

    def __init__(self, running: BenchStack) -> None:
        self.mib = 0.0
        self._victims = Victims(running)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch the runs that are under way, in a thread."""
        ended = threading.Event()

        def look() -> None:
            while not ended.wait(_SAMPLE_SECONDS):
                for run in self._victims.runs():
                    self.mib = max(self.mib, sum(_peak_mib(pid) for pid in members(run.pid)))

        thread = threading.Thread(target=look, name="run-memory", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


def _peak_mib(pid: int) -> float:
    """The most that a process ever had resident, what it shares included; 0 where it has ended."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    kib = next((line.split()[1] for line in text.splitlines() if line.startswith("VmHWM:")), "0")
    return int(kib) / _KIB_PER_MIB
