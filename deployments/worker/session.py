"""OS sessions: every process of a run shares one, so that all of them can be found and ended.

A run's children may have process groups of their own, never a session of their own. What escaped
is known by a marker in its environment. Needs Linux's /proc.
"""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Final

MARKER: Final = "_PRODOPS_WORKER"
"""Environment variable that names the worker whose guardian started the process."""

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36
_PROC = Path("/proc")


def die_with_parent(parent: int, with_signal: signal.Signals = signal.SIGKILL) -> None:
    """Get `with_signal` when the process `parent`, ours, dies; at once if it has died already."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, with_signal, 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), with_signal)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent dies."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def members(session: int) -> list[int]:
    """The living processes of a session; zombies do not count."""
    return [pid for pid, state, of in _processes() if of == session and state not in "ZX"]


def signal_session(session: int, sent: signal.Signals) -> int:
    """Send a signal to every process of the session; gives how many there were."""
    found = members(session)
    for pid in found:
        _send(pid, sent)
    return len(found)


def leftovers(marker: str) -> list[int]:
    """Processes with that marker, other than this one."""
    wanted = f"{MARKER}={marker}".encode()
    return [
        pid
        for pid, state, _ in _processes()
        if pid != os.getpid() and state not in "ZX" and wanted in _environment(pid)
    ]


def kill_leftovers(marker: str) -> list[int]:
    """Kill the processes that a former guardian left; gives their ids."""
    found = leftovers(marker)
    for pid in found:
        _send(pid, signal.SIGKILL)
    return found


def _send(pid: int, sent: signal.Signals) -> None:
    try:
        os.kill(pid, sent)
    except ProcessLookupError:
        return


def _environment(pid: int) -> list[bytes]:
    try:
        return (_PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return []


def _processes() -> Iterator[tuple[int, str, int]]:
    """Id, state and session of every process."""
    for entry in os.listdir(_PROC):  # noqa: PTH208 - thousands of entries, names suffice
        if not entry.isdigit():
            continue
        try:
            stat = (_PROC / entry / "stat").read_text()
        except OSError:
            continue
        # The command in parentheses may hold anything: fields follow its last parenthesis.
        fields = stat.rpartition(")")[2].split()
        yield int(entry), fields[0], int(fields[3])
