"""Bench `outage`: what the stack needs is gone for a while, under load; nothing may be lost."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Final

from deployments.bench.common.figures import Report, at_most
from deployments.bench.common.meanwhile import meanwhile
from deployments.bench.common.stack import BenchStack, bench_stack, comes_true, say, until
from deployments.bench.fastmon.load import LoadProcess
from deployments.bench.outage import load, pages
from deployments.bench.outage.checks import TFS_PER_STF, Breach, Sin, breaches
from deployments.bench.outage.disk import CannotMount, SmallDisk, small_disk
from deployments.bench.outage.evidence import Evidence, Place, rows_of
from deployments.bench.outage.faults import Fault, fault_of
from deployments.bench.outage.healing import (
    CLAIM_SECONDS,
    HEAL_SECONDS,
    PATIENCE_SECONDS,
    Healed,
    Healing,
    patiently,
)
from deployments.bench.outage.load import Load, Series, Wish
from deployments.bench.outage.outside import Prefect
from deployments.bench.outage.pages import Look, Watcher
from deployments.bench.outage.schedules import STFS_A_SECOND, Kind, Schedule, draw
from deployments.bench.payload_logs.logs import JobLog, LogMaker
from deployments.bench.submission.chaos.evidence import Panda
from deployments.stack.environment import sandbox_panda_url
from flows.common.models import OPEN
from flows.fastmon import daq

RUNS: Final = 40
SETTINGS: Final = {
    "PRODOPS_FASTMON_SELECTION_FRACTION": "1",
    "PRODOPS_FASTMON_TF_FILES_PER_STF": str(TFS_PER_STF),
    # so that a sampling run soon ends when a schedule is over
    "PRODOPS_FASTMON_IDLE_SECONDS": "2",
    "PRODOPS_SANDBOX_GRID": "true",
    "PRODOPS_SANDBOX_PANDA": "true",
    "PRODOPS_SANDBOX_PANDA_REFINE_SECONDS": "0.3",
    # How long a submission whose outcome was not seen is left alone is PanDA's lag, not an outage.
    "PRODOPS_SUBMISSION_CHECK_SECONDS": "1",
    "PRODOPS_SUBMISSION_CONFIRM_SECONDS": "3",
}
"""Everything else is as by default."""
CLIENTS: Final = 50
_LOG_BYTES: Final = 60_000
_LOAD_SECONDS: Final = 240.0  # for so long there is something to ask for
_FIRST_RUN: Final = 930_000
_ANSWER_SECONDS: Final = 180.0
_SHOWN: Final = 12
_NEWEST_REQUEST: Final = "SELECT coalesce(max(id), 0) FROM request"
_OPEN: Final = "SELECT count(*) FROM request WHERE state = ANY(:states)"


def run(seeds: Sequence[int]) -> Report:
    """Play the schedules of the seeds, one after another; about 35 s each."""
    report = Report("outage")
    with ExitStack() as opened:
        disk = _disk(opened, seeds, report)
        running = opened.enter_context(bench_stack(SETTINGS))
        if disk is not None:
            say("moving the database to a file system of bounded size")
            disk.take(running.stack)
        clients = opened.enter_context(LoadProcess.started())
        prefect = opened.enter_context(Prefect(running.stack))
        panda = opened.enter_context(Panda(sandbox_panda_url(running.stack.settings)))
        bench = _Bench(running, clients, prefect, panda)
        for seed in seeds:
            schedule = draw(seed)
            fault = fault_of(schedule, running.stack, prefect, disk)
            if fault is not None:
                bench.play(schedule, fault)
    _fill(report, bench)
    return report


def _disk(opened: ExitStack, seeds: Sequence[int], report: Report) -> SmallDisk | None:
    """A file system that can be filled, where a schedule wants one and it can be mounted."""
    wanting = [seed for seed in seeds if draw(seed).kind is Kind.FULL]
    if not wanting:
        return None
    try:
        return opened.enter_context(small_disk())
    except CannotMount as error:
        report.note(f"LEFT OUT, and not counted: {Kind.FULL}, seeds {wanting}: {error}.")
        return None


def _fill(report: Report, bench: _Bench) -> None:
    found = [breach for _, each in bench.found for breach in each]
    report.add("schedules", bench.schedules)
    for name, sin in (
        ("lost", Sin.LOST), ("doubled", Sin.DOUBLED), ("false_ends", Sin.FALSE_END),
        ("unsaid", Sin.UNSAID), ("refused", Sin.REFUSED),
    ):  # fmt: skip
        report.add(name, sum(breach.sin is sin for breach in found), at_most(0))
    first = _slowest(bench.healed, "first_claim_s")
    report.add("slowest_first_claim_s", first, at_most(CLAIM_SECONDS))
    report.add("slowest_heal_s", _slowest(bench.healed, "heal_s"), at_most(HEAL_SECONDS))
    report.add("wishes", bench.wishes)
    report.add("events", bench.events)
    report.add("seconds_per_schedule", bench.seconds / max(1, bench.schedules))
    for schedule, each in bench.found:
        lines = [f"  healing: {bench.healed[schedule.seed]}"]
        lines += [f"  {breach}" for breach in each[:_SHOWN]]
        if len(each) > _SHOWN:
            lines.append(f"  and {len(each) - _SHOWN} more")
        again = f"  again: prodops bench outage --only {schedule.seed}"
        report.note("\n".join([str(schedule), *lines, again]))


def _slowest(healed: Mapping[int, Healed], name: str) -> float:
    values = [getattr(each, name) for each in healed.values()]
    return max((PATIENCE_SECONDS if value is None else value for value in values), default=0.0)


class _Bench:
    """Plays the schedules, and keeps what went against the rules."""

    def __init__(
        self, running: BenchStack, clients: LoadProcess, prefect: Prefect, panda: Panda
    ) -> None:
        self.found: list[tuple[Schedule, list[Breach]]] = []
        self.healed: dict[int, Healed] = {}
        self.schedules = self.wishes = self.events = 0
        self.seconds = 0.0
        self._running = running
        self._clients = clients
        self._panda = panda
        self._healing = Healing(running, prefect, clients)
        self._logs = LogMaker(running)
        self._log: JobLog | None = None

    def play(self, schedule: Schedule, fault: Fault) -> None:
        """Play one schedule."""
        say(str(schedule))
        began = time.monotonic()
        series = self._series(schedule)
        self._clients.connect(self._running, CLIENTS)
        place = Place(
            request_id=self._running.count(_NEWEST_REQUEST),
            event_id=self._running.last_event_id(),
            namespace=_namespace(schedule),
            run=_FIRST_RUN + schedule.seed,
        )
        with Load(self._running, series) as asking:
            moments, looks = self._strike(schedule, fault)
            healed = self._healing.measure(moments[1], late=asking.end)
        comes_true(patiently(self._is_quiet), PATIENCE_SECONDS)
        evidence = Evidence(
            schedule=schedule,
            began_at=moments[0],
            ended_at=moments[1],
            healed=healed,
            wishes=asking.asked,
            clients=self._compared(place),
            looks=looks,
            **rows_of(self._running, place, asking.asked, self._panda.tasks()),
        )
        self._judge(evidence)
        self.seconds += time.monotonic() - began

    def _series(self, schedule: Schedule) -> list[Series]:
        """What is asked for, made beforehand: while a fault lasts it could not be."""
        number = round(_LOAD_SECONDS * STFS_A_SECOND)
        run = _FIRST_RUN + schedule.seed
        plan = daq.RunPlan(run, number, namespace=_namespace(schedule))
        messages = (body for _, body in daq.simulate_run(plan) if body["msg_type"] == "stf_ready")
        return [
            Series([load.stf(body) for body in messages], 1 / STFS_A_SECOND),
            Series(self._submissions(schedule), schedule.submit_seconds),
            Series(self._fetches(schedule), schedule.fetch_seconds),
        ]

    def _submissions(self, schedule: Schedule) -> list[Wish]:
        number = int(_LOAD_SECONDS / schedule.submit_seconds / 2)
        samples = [f"outage{schedule.seed:05d}n{each:03d}" for each in range(number)]
        return [load.submission(task) for task in self._running.make_tasks(samples)]

    def _fetches(self, schedule: Schedule) -> list[Wish]:
        if self._log is None:
            self._log = self._logs.make(_LOG_BYTES)
        number = int(_LOAD_SECONDS / schedule.fetch_seconds / 2)
        made = [self._logs.another(self._log) for _ in range(number)]
        return [load.fetch(each.panda_id) for each in made]

    def _strike(self, schedule: Schedule, fault: Fault) -> tuple[tuple[float, float], list[Look]]:
        """Let the fault be; gives when it began, when all answered again, and what pages said."""
        time.sleep(schedule.begins_seconds)
        watcher = Watcher(self._running)
        with meanwhile(watcher.look, every_seconds=pages.EVERY_SECONDS):
            began_at = time.time()
            try:
                fault.begin()
                time.sleep(max(0.0, began_at + schedule.lasts_seconds - time.time()))
            finally:
                fault.end()
            until(fault.answers_again, _ANSWER_SECONDS, f"{schedule.kind}: it answers again")
            ended_at = time.time()
        return (began_at, ended_at), watcher.looks

    def _is_quiet(self) -> bool:
        return self._running.count(_OPEN, states=list(OPEN)) == 0

    def _compared(self, place: Place) -> dict[str, int]:
        """What the clients got, beside the table."""
        ids = self._running.event_ids(place.event_id)
        self.events += len(ids)
        return self._clients.ask("compare", after=place.event_id, ids=ids)

    def _judge(self, evidence: Evidence) -> None:
        self.schedules += 1
        self.wishes += len(evidence.wishes)
        healed = self.healed[evidence.schedule.seed] = evidence.healed
        found = breaches(evidence)
        if found or healed.is_late:
            self.found.append((evidence.schedule, found))
        say(f"  {healed}; {len(evidence.wishes)} wishes, {len(found)} breaches")
        for breach in found[:_SHOWN]:
            say(f"  {breach}")


def _namespace(schedule: Schedule) -> str:
    return f"outage{schedule.seed:05d}"
