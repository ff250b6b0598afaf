"""Bench `submit`: from the button to the recorded id, beside bare prun; and twenty at once."""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Final

import psutil

from blocks.panda_server import CachedToken, prun_environment, run_prun
from deployments.bench.common.figures import Report, at_least, at_most, columns, median
from deployments.bench.common.meanwhile import peak_of
from deployments.bench.common.requests import note_spans, pickup
from deployments.bench.common.stack import (
    BenchBroken,
    BenchStack,
    bench_stack,
    comes_true,
    say,
    until,
)
from deployments.bench.submission.chaos.follower import Announcement, Follower
from flows.common.database import now, transaction
from flows.common.models import Request
from flows.submission import messages
from flows.submission.domain import command, verdict
from flows.submission.domain.verdict import Verdict
from flows.submission.models import Step

_RUNS: Final = 15
_AT_ONCE: Final = 20
_WARM_UP: Final = 2
_CALM_SECONDS: Final = 0.5
_LOOK_SECONDS: Final = 0.005
_SAMPLE_SECONDS: Final = 0.1
_PATIENCE_SECONDS: Final = 60.0
_SETTINGS: Final = {
    "PRODOPS_SANDBOX_PANDA": "true",
    "PRODOPS_SANDBOX_PANDA_REFINE_SECONDS": "0.2",
}


def run(*, runs: int = _RUNS) -> Report:
    """Measure; about 2 minutes by default."""
    report = Report("submit")
    with bench_stack(_SETTINGS) as running:
        bench = _Bench(running, report)
        with Follower(running.stack, after=running.last_event_id(), handle=bench.take):
            bench.compare(runs)
            bench.together(_AT_ONCE)
            report.note("Where the time goes, from each event of a submission to the next:")
            report.note(bench.steps())
    report.note(
        "Bare: the same prun with the same arguments in the same environment, fresh names. Button: "
        "POST <task>/submit/ until PCS shows the id. In turns; the first two of each dropped."
    )
    return report


class _Bench:
    """The two measurements, on one stack; each adds its figures."""

    def __init__(self, running: BenchStack, report: Report) -> None:
        self._running = running
        self._report = report
        self._events: dict[str, list[Announcement]] = defaultdict(list)
        self._ended: dict[str, float] = {}
        self._pressed: dict[str, datetime] = {}

    def take(self, event: Announcement) -> None:
        """Take an event of a submission."""
        self._events[event.task_name].append(event)
        if event.is_final:
            self._ended[event.task_name] = time.monotonic()

    # -------------------------------------------------------------- one at a time

    def compare(self, runs: int) -> None:
        """Bare prun and the button in turns; nothing else is open meanwhile."""
        bare, recorded, announced = [], [], []
        total = 2 * (runs + _WARM_UP)
        names = self._running.make_tasks([f"one{index:03d}" for index in range(total)])
        for number in range(runs + _WARM_UP):
            self._running.wait_calm(_CALM_SECONDS)
            bare.append(self._prun(names[2 * number]))
            self._running.wait_calm(_CALM_SECONDS)
            to_id, to_event = self._submit(names[2 * number + 1])
            recorded.append(to_id)
            announced.append(to_event)
            say(f"bare prun {bare[-1]:.3f} s, button to id {to_id:.3f} s, to event {to_event:.3f}")
        for warming in (bare, recorded, announced):
            del warming[:_WARM_UP]
        for name in names[1 : 2 * _WARM_UP : 2]:
            del self._events[name]
        over = median(recorded) - median(bare)
        span = f"n={runs} and {runs}"
        self._report.add("over_bare_prun_median_s", over, at_most(1.0), remark=span)
        self._report.add_median("bare_prun_median_s", bare)
        self._report.add_median("button_to_id_median_s", recorded)
        self._report.add_median("button_to_event_median_s", announced)

    def _prun(self, name: str) -> float:
        """Seconds of a bare prun with the task's own command."""
        query = {"name": name, "fmt": "panda"}
        answer = self._running.http.get("/pcs/api/prod-tasks/command/", params=query)
        prun = command.parse(answer.raise_for_status().text)
        given = self._running.stack.environment("ops")
        url = given["PRODOPS_PANDA_URL_SSL"]
        vo = self._running.stack.settings.panda.auth_vo
        tokens = CachedToken(Path(given["PRODOPS_PANDA_CONFIG_ROOT"]), server_url=url, vo=vo)
        place = self._running.stack.state_dir / "bare" / name
        for directory in (place / "home", place / "work"):
            directory.mkdir(parents=True)
        environment = prun_environment(
            private_dir=place / "home",
            url_ssl=url,
            auth_vo=vo,
            token=tokens.token(),
        )
        ended = run_prun(
            prun.arguments,
            program=Path(sys.prefix) / "bin" / "prun",
            cwd=place / "work",
            environment=environment,
            timeout_seconds=_PATIENCE_SECONDS,
        )
        outcome = verdict.classify(ended.returncode, ended.output)
        if outcome.verdict is not Verdict.CREATED:
            raise BenchBroken(f"bare prun: {outcome.reason}")
        return ended.seconds

    def _submit(self, name: str) -> tuple[float, float]:
        """Seconds from the button until PCS shows the id, and until the final event."""
        pressed = self._press(name)
        is_recorded = partial(self._are_recorded, [name])
        if not comes_true(is_recorded, _PATIENCE_SECONDS, every_seconds=_LOOK_SECONDS):
            raise BenchBroken(f"{name} was not recorded: {self._events[name][-1:]}")
        shown = self._running.http.get(f"/pcs/api/prod-tasks/{name}/").raise_for_status().json()
        recorded = time.monotonic() - pressed
        if shown["panda_task_id"] is None:
            raise BenchBroken(f"PCS does not show the id of {name}")
        until(lambda: name in self._ended, _PATIENCE_SECONDS, f"{name} is announced")
        return recorded, self._ended[name] - pressed

    def _are_recorded(self, names: Sequence[str]) -> bool:
        return len(self._running.recorded(names)) == len(names)

    def _press(self, name: str) -> float:
        self._pressed[name] = now()
        pressed = time.monotonic()
        self._running.http.post(f"/pcs/api/prod-tasks/{name}/submit/").raise_for_status()
        return pressed

    # -------------------------------------------------------------- many at once

    def together(self, number: int) -> None:
        """Submit many at once, and count the pruns meanwhile."""
        names = self._running.make_tasks([f"many{index:03d}" for index in range(number)])
        self._running.wait_calm(_CALM_SECONDS)
        say(f"{number} submissions at once")
        began = time.monotonic()
        with (
            peak_of(_pruns, every_seconds=_SAMPLE_SECONDS) as pruns,
            ThreadPoolExecutor(number) as pool,
        ):
            list(pool.map(self._press, names))
            comes_true(partial(self._are_recorded, names), 2 * _PATIENCE_SECONDS)
            seconds = time.monotonic() - began
        recorded = len(self._running.recorded(names))
        until(lambda: all(name in self._ended for name in names), 30, "all are announced")
        most, limit = self._most_sending(names), self._running.stack.settings.submission.limit
        self._report.add("concurrent_recorded", recorded, at_least(number))
        self._report.add("concurrent_seconds", seconds)
        self._report.add("most_pruns_at_a_time", int(pruns.value), at_most(limit))
        self._report.add("most_sending_at_a_time", most, at_most(limit))

    def _most_sending(self, names: Sequence[str]) -> int:
        """The most submissions that were between the start of prun and its outcome."""
        changes: dict[str | None, int] = {Step.SEND: 1, Step.CLASSIFY: -1}
        events = [event for name in names for event in self._events[name]]
        edges = sorted((event.at, changes.get(_step_of(event), 0)) for event in events)
        return max(accumulate(change for _, change in edges), default=0)

    # -------------------------------------------------------------- where the time goes

    def steps(self) -> str:
        """Median seconds up to each event of the single submissions, from the one before."""
        spans: dict[str, list[float]] = {}
        for name, events in self._events.items():
            if not name.startswith("one"):
                continue
            with transaction(self._running.engine) as session:
                request = session.get_one(Request, events[0].request_id)
            begin = [("the request is made", request.created_at), *pickup(request)]
            marks = [*begin, *((_label(event), event.at) for event in events)]
            note_spans(spans, self._pressed[name], marks)
        rows = [
            (label, f"{median(values):.3f}", str(len(values))) for label, values in spans.items()
        ]
        return columns(("up to", "median s", "n"), rows)


def _label(event: Announcement) -> str:
    words = str(event.payload.get("text", "")).removesuffix(" at PCS")
    said = words.split(":", maxsplit=1)[0].rstrip("0123456789 ")[:40]
    return f"{_step_of(event) or event.msg_type}: {said}"


def _step_of(event: Announcement) -> str | None:
    return str(event.payload["step"]) if event.msg_type == messages.PROGRESS else None


def _pruns() -> int:
    """The living pruns of the submissions at once; a zombie has no command line."""
    lines = (" ".join(each.info["cmdline"] or ()) for each in psutil.process_iter(["cmdline"]))
    return sum("pandaclient.PrunScript" in line and ".many" in line for line in lines)
