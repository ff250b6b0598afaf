"""What the parts of a stack use: processor seconds and memory, of each and of its children.

Needs Linux's /proc. Memory is the proportional set size: what is shared is counted once in all.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psutil

from deployments.bench.common.figures import columns

_KIB_PER_MIB: Final = 1024
_SAMPLE_SECONDS: Final = 0.5


def cpu_seconds(root: int, parts: Mapping[int, str], otherwise: str) -> dict[str, float]:
    """Processor seconds of the process `root` and its descendants so far, by part.

    A process counts with its reaped children, so that what ends between two looks is not lost.

    Args:
        root: The top process.
        parts: Names of parts by the pid of their process; a descendant belongs to the nearest.
        otherwise: Name for what belongs to none.
    """
    used: dict[str, float] = defaultdict(float)
    for process, part in _family(root, parts, otherwise):
        try:
            used[part] += sum(process.cpu_times()[:4])
        except psutil.NoSuchProcess:
            continue
    return used


def growth(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """What was used between two looks, by part."""
    return {part: used - before.get(part, 0.0) for part, used in after.items()}


def pss_mib(root: int, parts: Mapping[int, str], otherwise: str) -> dict[str, float]:
    """Proportional set size of `root` and its descendants, in MiB, by part."""
    used: dict[str, float] = defaultdict(float)
    for process, part in _family(root, parts, otherwise):
        used[part] += pss_of(process.pid)
    return used


def pss_of(pid: int) -> float:
    """Proportional set size of one process, in MiB; 0 where it has ended."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    kib = next((line.split()[1] for line in text.splitlines() if line.startswith("Pss:")), "0")
    return int(kib) / _KIB_PER_MIB


def table(cpu: Mapping[str, float], seconds: float, pss: Mapping[str, float] | None = None) -> str:
    """Usage by part, the busiest first."""
    header = ["part", "cpu s", "cores"] + (["PSS MiB"] if pss else [])
    names = sorted(cpu, key=lambda name: -cpu[name])
    rows = [
        [name, f"{cpu[name]:.2f}", f"{cpu[name] / seconds:.4f}"]
        + ([f"{pss.get(name, 0.0):.1f}"] if pss else [])
        for name in names
    ]
    return columns(header, rows)


class Peak:
    """The largest memory that one process had while it was watched, in MiB."""

    def __init__(self) -> None:
        self.mib = 0.0

    @contextmanager
    def watching(self, pid: int) -> Iterator[None]:
        """Watch the process, in a thread."""
        ended = threading.Event()

        def look() -> None:
            while True:
                self.mib = max(self.mib, pss_of(pid))
                if ended.wait(_SAMPLE_SECONDS):
                    return

        thread = threading.Thread(target=look, name="peak", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


def _family(
    root: int, parts: Mapping[int, str], otherwise: str
) -> Iterator[tuple[psutil.Process, str]]:
    top = psutil.Process(root)
    owner = {root: parts.get(root, otherwise)}
    yield top, owner[root]
    for process in _descendants(top):
        try:
            parent = process.ppid()
        except psutil.NoSuchProcess:
            continue
        owner[process.pid] = parts.get(process.pid) or owner.get(parent, otherwise)
        yield process, owner[process.pid]


def _descendants(top: psutil.Process) -> list[psutil.Process]:
    """Every descendant, parents before their children."""
    found: list[psutil.Process] = []
    waiting = [top]
    everyone = top.children(recursive=True)
    by_parent: dict[int, list[psutil.Process]] = {}
    for process in everyone:
        try:
            by_parent.setdefault(process.ppid(), []).append(process)
        except psutil.NoSuchProcess:
            continue
    while waiting:
        children = by_parent.get(waiting.pop(0).pid, [])
        found += children
        waiting += children
    return found
