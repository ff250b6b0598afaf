"""The reaper: a process that kills what a run leaves when its own process is killed, or stuck.

The warm worker's guardian does this for its runs. Without it, a prun whose flow was killed would go
on, and hold the output for which Prefect's worker waits; and a C call that holds Python's
interpreter, so that no thread of the process can end it, would go on for ever.
"""

from __future__ import annotations

import math
import os
import select
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from typing import Final

from deployments.worker.session import signal_session

_BEAT_SECONDS: Final = 1.0
_LOOK_SECONDS: Final = 5.0
_LEAST_LOOKS: Final = 2  # the first one after a stop of both may be too early for a beat
_BEAT: Final = b"."
_MOST_BYTES: Final = 4096

_started: list[subprocess.Popen[bytes]] = []
"""Kept: a process whose object is forgotten loses its input."""


def start(silence_seconds: float) -> None:
    """Start the reaper of this process's session, where it leads one.

    Args:
        silence_seconds: For how long this process may run no thread of Python; it has lost its
            request by then.
    """
    if os.getsid(0) != os.getpid():
        return
    # Its input ends with this process; its output would be waited for.
    reaper = subprocess.Popen(
        [sys.executable, "-m", "deployments.other_pools.reaper", str(silence_seconds)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        bufsize=0,
    )
    _started.append(reaper)
    threading.Thread(target=_beat, args=(reaper,), name="reaper", daemon=True).start()


def _beat(reaper: subprocess.Popen[bytes]) -> None:
    """Say again and again that this process runs Python; by a thread that waits for nothing."""
    assert reaper.stdin is not None  # noqa: S101 - it was started with one
    pause = threading.Event()
    with suppress(OSError):  # the reaper was killed
        while not pause.wait(_BEAT_SECONDS):
            reaper.stdin.write(_BEAT)


def main() -> None:
    """Wait until whoever started this process has ended, or is silent; then kill its session."""
    led = os.getsid(0)
    os.setsid()  # it is no part of what it kills
    _wait(sys.stdin.fileno(), float(sys.argv[1]))
    while signal_session(led, signal.SIGKILL):
        pass


def _wait(beats: int, silence_seconds: float) -> None:
    """Return at the end of the input, or when so much time has passed without any."""
    most_looks = max(_LEAST_LOOKS, math.ceil(silence_seconds / _LOOK_SECONDS))
    silent = 0
    while silent < most_looks:
        readable, _, _ = select.select([beats], [], [], _LOOK_SECONDS)
        if not readable:
            silent += 1
        elif os.read(beats, _MOST_BYTES):
            silent = 0
        else:
            return


if __name__ == "__main__":
    main()
