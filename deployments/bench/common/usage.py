"""What the parts of a stack use: processor seconds and memory, of each and of its children.

Needs Linux's /proc. Memory is the proportional set size: what is shared is counted once in all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import psutil

from deployments.bench.common.figures import columns

_KIB_PER_MIB: Final = 1024


def cpu_seconds(root: int, parts: Mapping[int, str], otherwise: str) -> dict[str, float]:
    """Processor seconds of the process `root` and its descendants so far, by part.

    A process counts with its reaped children, so that what ends between two looks is not lost.

    Args:
        root: The top process.
        parts: Names of parts by the pid of their process; a descendant belongs to the nearest.
        otherwise: Name for what belongs to none.
    """
    return _by_part(root, parts, otherwise, lambda process: sum(process.cpu_times()[:4]))


def growth(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """What was used between two looks, by part."""
    return {part: used - before.get(part, 0.0) for part, used in after.items()}


def pss_mib(root: int, parts: Mapping[int, str], otherwise: str) -> dict[str, float]:
    """Proportional set size of `root` and its descendants, in MiB, by part."""
    return _by_part(root, parts, otherwise, lambda process: pss_of(process.pid))


def pss_of(pid: int) -> float:
    """Proportional set size of one process, in MiB; 0 where it has ended."""
    return _mib(pid, "smaps_rollup", "Pss:")


def own_mib(root: int, parts: Mapping[int, str], otherwise: str) -> dict[str, float]:
    """Anonymous memory of `root` and its descendants, in MiB, by part; what is shared is not."""
    return _by_part(root, parts, otherwise, lambda process: own_of(process.pid))


def own_of(pid: int) -> float:
    """Anonymous memory of one process, in MiB; 0 where it has ended.

    With what it has in common with a fork; without files and shared memory.
    """
    return _mib(pid, "smaps_rollup", "Anonymous:")


def most_resident_of(pid: int) -> float:
    """The most MiB that one process ever had resident, shared ones included; 0 where it ended."""
    return _mib(pid, "status", "VmHWM:")


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


def _mib(pid: int, file: str, name: str) -> float:
    try:
        text = Path(f"/proc/{pid}/{file}").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    kib = next((line.split()[1] for line in text.splitlines() if line.startswith(name)), "0")
    return int(kib) / _KIB_PER_MIB


def _by_part(
    root: int,
    parts: Mapping[int, str],
    otherwise: str,
    measure: Callable[[psutil.Process], float],
) -> dict[str, float]:
    used: dict[str, float] = defaultdict(float)
    owner: dict[int, str] = {}
    top = psutil.Process(root)
    for process in (top, *top.children(recursive=True)):  # parents before their children
        try:
            part = parts.get(process.pid) or owner.get(process.ppid(), otherwise)
            owner[process.pid] = part
            used[part] += measure(process)
        except psutil.NoSuchProcess:
            continue
    return used
