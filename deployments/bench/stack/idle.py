"""Bench `idle`: what a whole stack uses that was started as a user does, and has nothing to do."""

from __future__ import annotations

import signal
import subprocess
import time
from typing import Final

import psutil

from deployments.bench.common import usage
from deployments.bench.common.figures import Report, at_most
from deployments.bench.common.stack import BenchBroken, say
from deployments.bench.common.up import await_end, up
from deployments.stack.control import Control
from deployments.stack.layout import Layout
from deployments.stack.temporary import remove_state, temporary_environment, temporary_settings
from flows.common.settings import Settings

_SECONDS: Final = 60.0
_SETTLE_SECONDS: Final = 20.0


def run(*, seconds: float = _SECONDS) -> Report:
    """Measure; about 2 minutes by default."""
    report = Report("idle")
    given = temporary_environment({})
    settings = temporary_settings(given)
    try:
        with up(given) as process:
            say(f"the stack is up; settling for {_SETTLE_SECONDS:g} s")
            time.sleep(_SETTLE_SECONDS)
            _measure(report, settings, process.pid, seconds)
            family = psutil.Process(process.pid).children(recursive=True)
            _end(process, family)
    finally:
        remove_state(settings)
    return report


def _measure(report: Report, settings: Settings, pid: int, seconds: float) -> None:
    states = Control(Layout(settings.stack.state_dir)).states()
    parts = {state.pid: state.name for state in states if state.pid is not None}
    say(f"measuring for {seconds:g} s")
    began = time.monotonic()
    before = usage.cpu_seconds(pid, parts, "up, supervisord")
    time.sleep(seconds)
    used = usage.growth(before, usage.cpu_seconds(pid, parts, "up, supervisord"))
    wall = time.monotonic() - began
    pss = usage.pss_mib(pid, parts, "up, supervisord")
    report.add("cpu_cores", sum(used.values()) / wall, at_most(0.10), remark=f"over {wall:.0f} s")
    report.add("pss_mib", sum(pss.values()), at_most(900))
    report.note(usage.table(used, wall, pss))


def _end(process: subprocess.Popen[bytes], family: list[psutil.Process]) -> None:
    say("Ctrl+C to `prodops up`")
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    await_end(process)
    _, alive = psutil.wait_procs(family, timeout=5)
    if alive or process.returncode != 0:
        left = ", ".join(str(each.pid) for each in alive) or "none"
        raise BenchBroken(f"`prodops up` ended with {process.returncode}; processes left: {left}")
    say(f"it ended in {time.monotonic() - began:.1f} s, and left no process")
