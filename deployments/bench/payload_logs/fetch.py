"""Bench `fetch`: payload logs from click to text, beside bare xrdcp and tar; twenty at once."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath
from typing import Final

from sqlalchemy import select

from deployments.bench.common.figures import Report, at_least, at_most, columns, median
from deployments.bench.common.requests import latest, note_spans, pickup, run_seconds
from deployments.bench.common.stack import BenchBroken, BenchStack, bench_stack, say
from deployments.bench.payload_logs.logs import JobLog, LogMaker
from deployments.bench.payload_logs.page import Shown, read_log
from flows.common.database import transaction
from flows.common.models import Event, Request
from flows.payload_logs import messages

_RUNS: Final = 7
_CLICKS: Final = 21
_AT_ONCE: Final = 20
_LARGE_BYTES: Final = 100_000_000
_SMALL_BYTES: Final = 60_000
_SETTINGS: Final = {"PRODOPS_SANDBOX_GRID": "true", "PRODOPS_SANDBOX_PANDA": "true"}
_WARM_UP: Final = 2
_CALM_SECONDS: Final = 0.5
_PATIENCE_SECONDS: Final = 60.0
_RSE: Final = "BNL-XRD"


class XrdcpMissing(BenchBroken):
    """There is nothing to compare with."""

    exit_code = 2


def run(*, runs: int = _RUNS) -> Report:
    """Measure; about 2 minutes by default.

    Raises:
        XrdcpMissing: xrdcp is not installed.
    """
    xrdcp = shutil.which("xrdcp")
    if xrdcp is None:
        raise XrdcpMissing("xrdcp is not installed; Debian's xrootd-client has it")
    report = Report("fetch")
    with bench_stack(_SETTINGS) as running:
        bench = _Bench(running, report, xrdcp)
        bench.compare(runs)
        bench.click(_CLICKS)
        bench.together(_AT_ONCE)
    report.note("Where the time goes, in medians from each event of a fetch to the next:")
    report.note(bench.steps())
    report.note(
        "Fetch: start of its run to payload_log_ready, 6 steps, checksum and fsync included. Bare: "
        "xrdcp with the same proxy, then tar xzf. In turns; the first two of each dropped. Click: "
        "GET of the page by job alone, its stream, its page anew, its first file."
    )
    return report


class _Bench:
    """The three measurements, on one stack; each adds its figures."""

    def __init__(self, running: BenchStack, report: Report, xrdcp: str) -> None:
        self._running = running
        self._report = report
        self._xrdcp = xrdcp
        self._maker = LogMaker(running)
        self._steps: dict[str, dict[str, list[float]]] = {"large": {}, "small": {}}

    # -------------------------------------------------------------- one large log

    def compare(self, runs: int) -> None:
        """Bare xrdcp with tar and the fetch in turns; nothing else is open meanwhile."""
        bare, fetched = [], []
        say(f"making a log of {_LARGE_BYTES} bytes")
        made = self._maker.make(_LARGE_BYTES)
        if not self._is_right(made):
            raise BenchBroken("the large log did not come right")
        for number in range(runs + _WARM_UP):
            self._running.wait_calm(_CALM_SECONDS)
            copied = self._copy_and_unpack(made)
            self._running.wait_calm(_CALM_SECONDS)
            again = self._maker.another(made)
            shown = self._read(again)
            took = self._run_seconds(again.panda_id)
            say(f"xrdcp and tar {copied:.3f} s, fetch {took:.3f} s, shown {shown.seconds:.3f} s")
            if number >= _WARM_UP:
                bare.append(copied)
                fetched.append(took)
                self._note_steps("large", again.panda_id)
        ratio, span = median(fetched) / median(bare), f"n={runs} and {runs}"
        self._report.add("ratio_to_xrdcp_and_tar", ratio, at_most(1.3), remark=span)
        self._report.add_median("fetch_median_s", fetched)
        self._report.add_median("xrdcp_and_tar_median_s", bare)
        self._report.add("archive_bytes", made.log.size_bytes)

    def _read(self, made: JobLog) -> Shown:
        """Click on a job's log, and see that what is shown is its."""
        api_url, token = self._running.stack.api_url, self._running.token
        shown = read_log(api_url, made.panda_id, token=token, seconds=_PATIENCE_SECONDS)
        if not made.is_shown_by(shown):
            raise BenchBroken(f"the log of job {made.panda_id} is not right: {shown.reason}")
        return shown

    def _copy_and_unpack(self, made: JobLog) -> float:
        """Seconds of xrdcp and tar, which leave nothing."""
        grid = self._maker.grid
        given = {"X509_USER_PROXY": os.fspath(grid.proxy), "X509_CERT_DIR": os.fspath(grid.ca_dir)}
        environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", **given}
        with tempfile.TemporaryDirectory(dir=self._running.stack.state_dir) as path:
            began = time.monotonic()
            copy = [self._xrdcp, "--silent", grid.pfn(_RSE, made.log.lfn), f"{path}/log.tgz"]
            for command in (copy, ["tar", "xzf", "log.tgz"]):
                done = subprocess.run(
                    command, cwd=path, env=environment, stdin=subprocess.DEVNULL,
                    capture_output=True, text=True, timeout=_PATIENCE_SECONDS, check=False,
                )  # fmt: skip
                if done.returncode != 0:
                    raise BenchBroken(f"bare {command[0]}: {done.stderr.strip()[-300:]}")
            return time.monotonic() - began

    # -------------------------------------------------------------- small logs

    def click(self, clicks: int) -> None:
        """Small logs of different jobs, one after the other."""
        clicked, fetched = [], []
        for number in range(clicks + _WARM_UP):
            made = self._maker.make(_SMALL_BYTES)
            self._running.wait_calm(_CALM_SECONDS)
            shown = self._read(made)
            if number >= _WARM_UP:
                clicked.append(shown.seconds)
                fetched.append(self._run_seconds(made.panda_id))
                self._note_steps("small", made.panda_id)
        say(f"click to text: {median(clicked):.3f} s")
        self._report.add_median("click_to_text_median_s", clicked, at_most(1.0))
        self._report.add_median("small_fetch_median_s", fetched)

    def together(self, number: int) -> None:
        """Different jobs' logs at once: how many come right, and seconds until the last."""
        made = [self._maker.make(_SMALL_BYTES * (index + 1)) for index in range(number)]
        self._running.wait_calm(_CALM_SECONDS)
        say(f"{number} logs at once")
        began = time.monotonic()
        with ThreadPoolExecutor(number) as pool:
            right = sum(pool.map(self._is_right, made))
        self._report.add("concurrent_right", right, at_least(number))
        self._report.add("concurrent_seconds", time.monotonic() - began)

    def _is_right(self, made: JobLog) -> bool:
        """Whether the page shows the first file, and the API gives each file as it was made."""
        self._read(made)
        kept = self._running.stack.settings.payload_logs.members
        wanted = {PurePosixPath(path).name: content for path, content in made.members.items()}
        base = f"/api/payload-logs/{made.panda_id}/members/"
        http = self._running.http
        return all(http.get(f"{base}{name}").content == wanted[name] for name in kept)

    # -------------------------------------------------------------- where the time goes

    def steps(self) -> str:
        """Median seconds up to each event of a fetch, from the one before."""
        rows = [
            (label, *(_in_words(self._steps[size].get(label)) for size in ("large", "small")))
            for label in self._steps["large"]
        ]
        return columns(("up to", "large s", "small s"), rows)

    def _note_steps(self, size: str, panda_id: int) -> None:
        request, events = self._events_of(panda_id)
        begun = [(f"{each.payload['step']} begins", each.at) for each in events[:-1]]
        marks = [*pickup(request), *begun, (messages.READY, events[-1].at)]
        note_spans(self._steps[size], request.created_at, marks)

    def _run_seconds(self, panda_id: int) -> float:
        """Seconds from the start of the run to its last event."""
        request, events = self._events_of(panda_id)
        return run_seconds(request, events[-1].at)

    def _events_of(self, panda_id: int) -> tuple[Request, list[Event]]:
        """The last request of a job's log, and its events."""
        request = latest(self._running.engine, "fetch_payload_log", str(panda_id))
        types = (messages.PROGRESS, messages.READY, messages.FAILED)
        of_it = select(Event).where(Event.request_id == request.id, Event.msg_type.in_(types))
        with transaction(self._running.engine) as session:
            return request, list(session.scalars(of_it.order_by(Event.id)))


def _in_words(values: list[float] | None) -> str:
    return f"{median(values):.3f}" if values else ""
