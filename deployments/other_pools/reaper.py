"""The reaper: a process that kills what a run leaves when its own process is killed.

The warm worker's guardian does this for its runs. Without it, a prun whose flow was killed would go
on, and hold the output for which Prefect's worker waits.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from deployments.worker.session import signal_session

_started: list[subprocess.Popen[bytes]] = []
"""Kept: a process whose object is forgotten loses its input."""


def start() -> None:
    """Start the reaper of this process's session, where it leads one."""
    if os.getsid(0) != os.getpid():
        return
    # Its input ends with this process; its output would be waited for.
    reaper = subprocess.Popen(
        [sys.executable, "-m", "deployments.other_pools.reaper"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _started.append(reaper)


def main() -> None:
    """Wait until whoever started this process has ended; then kill its session."""
    led = os.getsid(0)
    os.setsid()  # it is no part of what it kills
    sys.stdin.buffer.read()
    while signal_session(led, signal.SIGKILL):
        pass


if __name__ == "__main__":
    main()
