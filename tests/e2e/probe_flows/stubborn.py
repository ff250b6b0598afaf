"""Flows that do not end when they are told to, and leave processes of every kind behind.

Each writes the ids of its processes, a line each, into the file `report`.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from prefect import flow

from blocks import outside_calls
from blocks.outside_calls import CallOutcome, System

_SLEEP = (sys.executable, "-S", "-c", "import time; time.sleep(300)")
_IGNORANT = (
    sys.executable, "-S", "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(300)",
)  # fmt: skip


def _report(report: str, *processes: subprocess.Popen[bytes]) -> None:
    pids = [os.getpid(), *(process.pid for process in processes)]
    partial = Path(f"{report}.part")
    partial.write_text("\n".join(map(str, pids)))
    partial.rename(report)


@flow(persist_result=False)
def end_at_once(report: str) -> None:
    _report(report)


@flow(persist_result=False)
def fail(report: str) -> None:
    _report(report)
    raise ValueError("on purpose")


@flow(persist_result=False)
def hang_in_c(report: str) -> None:
    """No signal handler of Python runs before the one C call ends; it has called PanDA before."""
    outside_calls.calls.count(System.PANDA, CallOutcome.TIMEOUT, 0.3)
    _report(report)
    hashlib.pbkdf2_hmac("sha256", b"x", b"y", 2**31 - 1)


@flow(persist_result=False)
def ignore_sigterm_with_children(report: str) -> None:
    """Ignores SIGTERM, as does a child with a process group of its own that holds stdout."""
    apart = subprocess.Popen(_IGNORANT, process_group=0)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _report(report, subprocess.Popen(_IGNORANT), apart)
    while True:
        time.sleep(1)


@flow(persist_result=False)
def leave_a_child_behind(report: str) -> None:
    """Ends in order, while a child of its own process group goes on."""
    _report(report, subprocess.Popen(_SLEEP, process_group=0))


@flow(persist_result=False)
def leave_a_session_behind(report: str) -> None:
    """Breaks the rule: a child has a session of its own, and only its marker tells of it."""
    _report(report, subprocess.Popen(_SLEEP, start_new_session=True))
    while True:
        time.sleep(1)
