"""OS sessions: every process of a run shares one, so that all of them can be found.

What escaped its session is known by a marker in its environment. Needs Linux's /proc.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

MARKER: Final = "_PRODOPS_WORKER"
"""Environment variable that names the worker whose guardian started the process."""

PROC: Final = Path("/proc")


def members(session: int) -> list[int]:
    """The living processes of a session; zombies do not count."""
    return [pid for pid, state, of in processes() if of == session and state not in "ZX"]


def processes() -> Iterator[tuple[int, str, int]]:
    """Id, state and session of every process."""
    for entry in os.listdir(PROC):  # noqa: PTH208 - thousands of entries, names suffice
        if not entry.isdigit():
            continue
        try:
            stat = (PROC / entry / "stat").read_text()
        except OSError:
            continue
        # The command in parentheses may hold anything: fields follow its last parenthesis.
        fields = stat.rpartition(")")[2].split()
        yield int(entry), fields[0], int(fields[3])
