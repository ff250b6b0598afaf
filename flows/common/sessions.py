"""OS sessions: every process of a run shares one, so that all of them can be found.

What escaped its session is known by a marker in its environment.
"""

from __future__ import annotations

import os
from typing import Final

import psutil

MARKER: Final = "_PRODOPS_WORKER"
"""Environment variable that names the worker whose guardian started the process."""

_ENDED: Final = {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}


def members(session: int) -> list[int]:
    """The living processes of a session; zombies do not count."""
    return [pid for pid in psutil.pids() if _session_of(pid) == session and is_alive(pid)]


def is_alive(pid: int) -> bool:
    """Whether there is such a process, and it is no zombie."""
    try:
        return psutil.Process(pid).status() not in _ENDED
    except psutil.NoSuchProcess:
        return False


def _session_of(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None
