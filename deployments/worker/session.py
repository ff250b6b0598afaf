"""OS sessions: every process of a run shares one, so that all of them can be found and ended.

A run's children may have process groups of their own, never a session of their own. What escaped
is known by a marker in its environment.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress

import psutil

from flows.common.sessions import MARKER, members


def signal_session(session: int, sent: signal.Signals) -> int:
    """Send a signal to every process of the session; gives how many there were."""
    found = members(session)
    for pid in found:
        send(pid, sent)
    return len(found)


def leftovers(marker: str) -> list[int]:
    """Processes with that marker, other than this one."""
    ours = os.getpid()
    return [
        each.pid
        for each in psutil.process_iter(["environ"])
        if each.pid != ours and (each.info["environ"] or {}).get(MARKER) == marker
    ]


def kill_leftovers(marker: str) -> list[int]:
    """Kill the processes that a former guardian left; gives their ids."""
    found = leftovers(marker)
    for pid in found:
        send(pid, signal.SIGKILL)
    return found


def send(pid: int, sent: signal.Signals) -> None:
    """Send a signal, unless the process has ended."""
    with suppress(ProcessLookupError):
        os.kill(pid, sent)
