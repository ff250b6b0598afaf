"""Bench `submit`: from the button to the recorded id, beside bare prun; and twenty at once."""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Final

import psutil

from blocks.panda_server import CachedToken, prun_environment, run_prun
from deployments.bench.common.figures import Report, at_least, at_most, columns, median
from deployments.bench.common.machine import machine
from deployments.bench.common.meanwhile import peak_of
from deployments.bench.common.requests import note_spans, pickup
from deployments.bench.common.stack import BenchBroken, BenchStack, bench_stack, say, until
from deployments.bench.submission.chaos.follower import Announcement, Follower
from flows.common.database import now, transaction
from flows.common.models import Request
from flows.submission import messages
from flows.submission.domain import command, verdict
from flows.submission.domain.verdict import Verdict
from flows.submission.models import Step

RUNS: Final = 15
AT_ONCE: Final = 20
_WARM_UP: Final = 2
_CALM_SECONDS: Final = 0.5
_LOOK_SECONDS: Final = 0.005
_SAMPLE_SECONDS: Final = 0.1
_PATIENCE_SECONDS: Final = 60.0
_SETTINGS: Final = {
    "PRODOPS_SANDBOX_PANDA": "true",
    "PRODOPS_SANDBOX_PANDA_REFINE_SECONDS": "0.2",
}


def run(*, runs: int = RUNS, at_once: int = AT_ONCE) -> Report:
    """Measure; about 2 minutes by default."""
    report = Report("submit", machine())
    with bench_stack(_SETTINGS) as running:
        bench = _Bench(running)
        with Follower(running.stack, after=running.last_event_id(), handle=bench.take):
            bench.compare(runs)
            together = bench.together(at_once)
            spent = bench.steps()
    over = median(bench.recorded) - median(bench.bare)
    report.add("over_bare_prun_median_s", over, at_most(1.0), remark=f"n={runs} and {runs}")
    report.add_median("bare_prun_median_s", bench.bare)
    report.add_median("button_to_id_median_s", bench.recorded)
    report.add_median("button_to_event_median_s", bench.announced)
    report.add("concurrent_recorded", together.recorded, at_least(at_once))
    report.add("concurrent_seconds", together.seconds)
    report.add("most_pruns_at_a_time", together.most_pruns, at_most(bench.limit))
    report.add("most_sending_at_a_time", together.most_sending, at_most(bench.limit))
    report.note("Where the time goes, from each event of a submission to the next:")
    report.note(spent)
    report.note(
        "Bare: the same prun with the same arguments in the same environment, fresh names. Button: "
        "POST <task>/submit/ until PCS shows the id. In turns; the first two of each dropped."
    )
    return report


class _Together:
    """What came of many submissions at once."""

    recorded = 0
    seconds = 0.0
    most_pruns = 0
    most_sending = 0


class _Bench:
    """The two measurements, on one stack."""

    def __init__(self, running: BenchStack) -> None:
        self.bare: list[float] = []
        self.recorded: list[float] = []
        self.announced: list[float] = []
        self.limit = running.stack.settings.submission.limit
        self._running = running
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
        total = 2 * (runs + _WARM_UP)
        names = self._running.make_tasks([f"one{index:03d}" for index in range(total)])
        for number in range(runs + _WARM_UP):
            self._running.wait_calm(_CALM_SECONDS)
            bare = self._prun(names[2 * number])
            self._running.wait_calm(_CALM_SECONDS)
            recorded, announced = self._submit(names[2 * number + 1])
            say(f"bare prun {bare:.3f} s, button to id {recorded:.3f} s, to event {announced:.3f}")
            if number >= _WARM_UP:
                self.bare.append(bare)
                self.recorded.append(recorded)
                self.announced.append(announced)
            else:
                del self._events[names[2 * number + 1]]

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
            client_dir=Path(sys.prefix),
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
        deadline = pressed + _PATIENCE_SECONDS
        while not self._running.recorded([name]):
            if time.monotonic() > deadline:
                raise BenchBroken(f"{name} was not recorded: {self._events[name][-1:]}")
            time.sleep(_LOOK_SECONDS)
        shown = self._running.http.get(f"/pcs/api/prod-tasks/{name}/").raise_for_status().json()
        recorded = time.monotonic() - pressed
        if shown["panda_task_id"] is None:
            raise BenchBroken(f"PCS does not show the id of {name}")
        until(lambda: name in self._ended, _PATIENCE_SECONDS, f"{name} is announced")
        return recorded, self._ended[name] - pressed

    def _press(self, name: str) -> float:
        self._pressed[name] = now()
        pressed = time.monotonic()
        self._running.http.post(f"/pcs/api/prod-tasks/{name}/submit/").raise_for_status()
        return pressed

    # -------------------------------------------------------------- many at once

    def together(self, number: int) -> _Together:
        """Submit many at once, and count the pruns meanwhile."""
        names = self._running.make_tasks([f"many{index:03d}" for index in range(number)])
        self._running.wait_calm(_CALM_SECONDS)
        say(f"{number} submissions at once")
        found = _Together()
        began = time.monotonic()
        with (
            peak_of(_pruns, every_seconds=_SAMPLE_SECONDS) as pruns,
            ThreadPoolExecutor(number) as pool,
        ):
            list(pool.map(self._press, names))
            deadline = began + 2 * _PATIENCE_SECONDS
            while len(self._running.recorded(names)) < number and time.monotonic() < deadline:
                time.sleep(_SAMPLE_SECONDS)
            found.seconds = time.monotonic() - began
        found.most_pruns = int(pruns.value)
        found.recorded = len(self._running.recorded(names))
        until(lambda: all(name in self._ended for name in names), 30, "all are announced")
        found.most_sending = self._most_sending(names)
        return found

    def _most_sending(self, names: Sequence[str]) -> int:
        """The most submissions that were between the start of prun and its outcome."""
        edges = []
        for name in names:
            for event in self._events[name]:
                if _step_of(event) == Step.SEND:
                    edges.append((event.at, 1))
                elif _step_of(event) == Step.CLASSIFY:
                    edges.append((event.at, -1))
        count = most = 0
        for _, change in sorted(edges):
            count += change
            most = max(most, count)
        return most

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
