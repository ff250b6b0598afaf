"""OS sessions: every process of a run shares one, so that all of them can be found and ended.

A run's children may have process groups of their own, never a session of their own. What escaped
is known by a marker in its environment. Needs Linux's /proc.
"""

from __future__ import annotations

import ctypes
import os
import signal
from typing import Final

from flows.common import sessions
from flows.common.sessions import MARKER, members

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36


def die_with_parent(parent: int, with_signal: signal.Signals = signal.SIGKILL) -> None:
    """Get `with_signal` when the process `parent`, ours, dies; at once if it has died already."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, with_signal, 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), with_signal)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent dies."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


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
        for pid, state, _ in sessions.processes()
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
        return (sessions.PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return []
