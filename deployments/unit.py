"""The unit of systemd, or the supervisor, that this process belongs to.

The original's cleaner kills each agent `PRODOPS` of its host whose pid is not its unit's main one
(ops contract section 6.2).
"""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import Final

import psutil

from deployments.stack.layout import Layout
from flows.common.settings import Settings

_ANSWER_SECONDS: Final = 5.0


def main_pid(settings: Settings) -> int:
    """The main pid of the unit that this process is a part of, else the supervisor's, else its own.

    A unit counts only where it is ours: one of that name may run something else.
    """
    ancestors = {os.getpid(), *(each.pid for each in psutil.Process().parents())}
    for pid in (_of_unit(settings.worker.unit), _of_supervisor(settings)):
        if pid in ancestors:
            return pid
    return os.getpid()


def _of_unit(unit: str) -> int:
    """What systemd says; 0 where there is no systemd, or no such unit."""
    program = shutil.which("systemctl")
    if program is None:
        return 0
    try:
        said = subprocess.run(
            [program, "show", "-p", "MainPID", "--value", unit],
            capture_output=True, text=True, check=False, timeout=_ANSWER_SECONDS,
        ).stdout.strip()  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return 0
    return int(said) if said.isdecimal() else 0


def _of_supervisor(settings: Settings) -> int:
    try:
        said = Layout(settings.stack.state_dir).supervisor_pid.read_text().strip()
    except OSError:
        return 0
    return int(said) if said.isdecimal() else 0
