"""Bench `stall`: a door stands still, before a copy or in its middle; when the page says so."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import Final

import psutil

from deployments.bench.common.figures import Report, at_least, at_most
from deployments.bench.common.meanwhile import meanwhile
from deployments.bench.common.stack import BenchBroken, BenchStack, bench_stack, say
from deployments.bench.payload_logs.logs import JobLog, LogMaker
from deployments.bench.payload_logs.page import Shown, read_log
from deployments.bench.submission.chaos.victims import Victims
from flows.payload_logs import cache

RUNS: Final = 2
_SETTINGS: Final = {"PRODOPS_SANDBOX_GRID": "true", "PRODOPS_SANDBOX_PANDA": "true"}
_LARGE_BYTES: Final = 100_000_000
_PART_BYTES: Final = 2_000_000
_CALM_SECONDS: Final = 1.0
_PATIENCE_SECONDS: Final = 120.0
_TRIES: Final = 5
_DOOR, _RSE, _OTHER_RSE = "door", "BNL-XRD", "EIC-XRD"
_COPIER: Final = "blocks/xrootd_storage/copier.py"
_MARKS: Final = frozenset({cache.DONE, cache.ORIGIN, cache.ERROR})
_ENDING_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 0.001
_READY, _FAILED = "ready", "failed"


class Moment(StrEnum):
    """When the door stands still."""

    BEFORE = "before"
    MIDDLE = "in the middle"


def run(*, runs: int = RUNS) -> Report:
    """Measure; about 3 minutes by default."""
    report = Report("stall")
    with bench_stack(_SETTINGS) as running:
        bench = _Bench(running)
        for _ in range(runs):
            for moment in Moment:
                bench.measure(moment, (_RSE,))
                bench.measure(moment, (_RSE, _OTHER_RSE))
    expected = 2 * runs
    worst = max(bench.reported, default=_PATIENCE_SECONDS)
    slowest = max(bench.arrived, default=_PATIENCE_SECONDS)
    report.add("reported_within_s", worst, at_most(30), remark=f"n={len(bench.reported)}")
    report.add("reported", len(bench.reported), at_least(expected))
    report.add("second_replica_used", len(bench.arrived), at_least(expected))
    report.add("second_replica_within_s", slowest, at_most(30))
    report.add("left_over", len(bench.left_over), at_most(0))
    for each in bench.left_over:
        report.note(f"  left over: {each}")
    report.note(
        f"With default limits. Before: the door of {_RSE} gets SIGSTOP before the click; in the "
        "middle: when a part of 100 MB has come. Timed from the click until the page, following "
        "its stream, says what happened; with a second replica, until it shows the log."
    )
    return report


class _Bench:
    """The measurement, on one stack.

    Attributes:
        reported, arrived: Seconds from the click, by its end.
        left_over: What fetches left behind, in words.
    """

    def __init__(self, running: BenchStack) -> None:
        self.reported: list[float] = []
        self.arrived: list[float] = []
        self.left_over: list[str] = []
        self._running = running
        self._maker = LogMaker(running)
        self._victims = Victims(running)
        self._logs: dict[tuple[str, ...], JobLog] = {}

    def measure(self, moment: Moment, rses: tuple[str, ...]) -> None:
        """Click on a log at these RSEs, of which the first one's door stands still."""
        for _ in range(_TRIES):
            made = self._job(rses)
            self._running.wait_calm(_CALM_SECONDS)
            shown = self._read_stopped(made, moment)
            if shown is not None:
                break
        else:
            raise BenchBroken("the door could not be stopped in the middle of a copy")
        self._judge(made, shown, has_other=len(rses) > 1)
        say(f"{moment}, {len(rses)} replicas: {shown.phase} after {shown.seconds:.1f} s")
        say(f"  {shown.reason}" if shown.reason else "  the log is there")
        self._note_left_over()

    def _judge(self, made: JobLog, shown: Shown, *, has_other: bool) -> None:
        if not has_other and shown.phase == _FAILED and _RSE in shown.reason:
            self.reported.append(shown.seconds)
        elif has_other and shown.phase == _READY and made.is_shown_by(shown):
            self.arrived.append(shown.seconds)

    def _job(self, rses: tuple[str, ...]) -> JobLog:
        """A job of its own; the log is made once."""
        if rses not in self._logs:
            self._logs[rses] = self._maker.make(_LARGE_BYTES, rses=rses)
        return self._maker.another(self._logs[rses])

    def _read_stopped(self, made: JobLog, moment: Moment) -> Shown | None:
        """What the page shows; None where the copy was faster than the stopping."""
        door = _Door(psutil.Process(self._running.stack.pid(_DOOR)))
        api_url, token = self._running.stack.api_url, self._running.token
        with ExitStack() as at_last:
            at_last.callback(door.go_on)
            if moment is Moment.BEFORE:
                door.stop()
                return read_log(api_url, made.panda_id, token=token, seconds=_PATIENCE_SECONDS)
            with meanwhile(lambda: self._stop_at_a_part(door), every_seconds=_LOOK_SECONDS):
                shown = read_log(api_url, made.panda_id, token=token, seconds=_PATIENCE_SECONDS)
            return shown if door.is_stopped and self._was_stalled(shown, made) else None

    def _was_stalled(self, shown: Shown, made: JobLog) -> bool:
        """Whether the copy was not whole when the door stood still."""
        at = self._running.http.get(f"/api/payload-logs/{made.panda_id}/").json()
        return shown.phase == _FAILED or at["rse"] != _RSE

    def _stop_at_a_part(self, door: _Door) -> None:
        """Stop the door when a copy has got some of its bytes."""
        path = self._running.stack.state_dir / "payload-logs"
        if not door.is_stopped and _largest(path) >= _PART_BYTES:
            door.stop()

    # -------------------------------------------------------------- what is left

    def _note_left_over(self) -> None:
        """Note processes and files of fetches that are there still some time after their end."""
        deadline = time.monotonic() + _ENDING_SECONDS
        while (found := [*self._processes(), *self._files()]) and time.monotonic() < deadline:
            time.sleep(_CALM_SECONDS)
        self.left_over += found

    def _processes(self) -> Iterator[str]:
        mark = os.fspath(self._running.stack.state_dir)
        for run in self._victims.runs():
            yield f"process {run.pid} of a run"
        for process in psutil.process_iter(["cmdline"]):
            words = " ".join(process.info["cmdline"] or ())
            if _COPIER in words and mark in words:
                yield f"process {process.pid}: {words[:200]}"

    def _files(self) -> Iterator[str]:
        stack = self._running.stack
        for path in _below(stack.state_dir / "payload-logs"):
            yield f"file {path}"
        for path in _below(stack.settings.stack.tmp_dir / "panda-logs"):
            is_hidden = any(part.startswith(".") for part in path.parts[-2:])
            if is_hidden and path.name not in _MARKS:
                yield f"file {path}"


class _Door:
    """The processes of a door, which may be stopped and always go on in the end."""

    def __init__(self, process: psutil.Process) -> None:
        self.is_stopped = False
        self._processes = [process, *process.children(recursive=True)]

    def stop(self) -> None:
        """Let it stand still: connections are taken, and nothing is answered."""
        for each in self._processes:
            each.send_signal(signal.SIGSTOP)
        self.is_stopped = True

    def go_on(self) -> None:
        """Let it go on."""
        for each in reversed(self._processes):
            each.send_signal(signal.SIGCONT)


def _largest(directory: Path) -> int:
    """Size of the largest file below a directory that others change meanwhile."""
    sizes = [0]
    for path in _below(directory):
        try:
            sizes.append(path.stat().st_size)
        except OSError:
            continue
    return max(sizes)


def _below(directory: Path) -> list[Path]:
    return [Path(at) / name for at, _, names in os.walk(directory) for name in names]
