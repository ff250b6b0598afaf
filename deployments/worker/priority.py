"""How a run's process leaves the processor to those who need it sooner."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path
from typing import Final

_GROUP: Final = Path("/proc/self/autogroup")
_PATIENCE_SECONDS: Final = 0.25
_PAUSE_SECONDS: Final = 0.02


def give_way(nice: int) -> None:
    """Leave the processor to others: this process, which leads its session, and all of the session.

    Linux may share the processors among sessions (autogroup, see sched(7)); `nice` alone then
    counts within a session only.

    Args:
        nice: By how much, as `nice` counts; 5 is a third of an equal share, 10 a tenth.
    """
    if not nice:
        return
    # It may itself have been started with a priority; the session is given the whole of it.
    whole = os.nice(nice)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not _set_group(whole) and time.monotonic() < deadline:
        time.sleep(_PAUSE_SECONDS)


def _set_group(nice: int) -> bool:
    """Whether the session's group has it, or none can be given one."""
    try:
        _GROUP.write_text(str(nice))
    except OSError as error:
        # An ordinary user may set ten a second, on the whole machine.
        return error.errno != errno.EAGAIN
    return True
