"""Processes that end with their parent. Linux only (``prctl``)."""

from __future__ import annotations

import ctypes
import os
import signal
from typing import Final

_SET_DEATH_SIGNAL: Final = 1
_GET_DEATH_SIGNAL: Final = 2
_SET_CHILD_SUBREAPER: Final = 36


def die_with_parent(parent: int, death_signal: int = signal.SIGKILL) -> None:
    """Get `death_signal` when the process `parent`, ours, ends; end now if it has ended."""
    _prctl(_SET_DEATH_SIGNAL, death_signal)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def death_signal() -> int:
    """The signal that this process gets when its parent ends; 0: none."""
    value = ctypes.c_int()
    _prctl(_GET_DEATH_SIGNAL, ctypes.byref(value))
    return value.value


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent dies."""
    _prctl(_SET_CHILD_SUBREAPER, 1)


def _prctl(option: int, argument: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, argument, 0, 0, 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
