"""Bench `outage`: what the stack needs is gone for a while, under load; nothing may be lost."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Final

from deployments.bench.common.figures import Report
from deployments.bench.common.meanwhile import meanwhile
from deployments.bench.common.stack import BenchStack, bench_stack, comes_true, say, until
from deployments.bench.fastmon.load import LoadProcess
from deployments.bench.outage import pages
from deployments.bench.outage.bus import BusSender
from deployments.bench.outage.checks import breaches
from deployments.bench.outage.disk import CannotMount, SmallDisk, small_disk
from deployments.bench.outage.evidence import TFS_PER_STF, Evidence, Place, of_clients, rows_of
from deployments.bench.outage.faults import Fault, fault_of
from deployments.bench.outage.healing import Healed, Healing, patiently
from deployments.bench.outage.load import Load
from deployments.bench.outage.outside import Prefect
from deployments.bench.outage.pages import Look, Watcher
from deployments.bench.outage.report import SHOWN, Played, fill
from deployments.bench.outage.schedules import BY_BUS, Kind, Schedule, draw
from deployments.bench.outage.wishes import WishMaker, namespace_of, run_of
from deployments.bench.submission.chaos.evidence import Panda
from deployments.sandbox.broker.programs import find_programs
from deployments.stack.environment import sandbox_panda_url
from flows.common.models import OPEN

RUNS: Final = 50
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
_ANSWER_SECONDS: Final = 600.0
_QUIET_SECONDS: Final = 300.0
_NEWEST_REQUEST: Final = "SELECT coalesce(max(id), 0) FROM request"
_OPEN: Final = "SELECT count(*) FROM request WHERE state = ANY(:states)"


def run(seeds: Sequence[int]) -> Report:
    """Play the schedules of the seeds, one after another; about 35 s each."""
    report = Report("outage")
    left_out: list[Schedule] = []
    with ExitStack() as opened:
        disk = _disk(opened, seeds, report)
        running = opened.enter_context(bench_stack(SETTINGS | _broker(report, seeds)))
        if disk is not None:
            say("moving the database to a file system of bounded size")
            disk.take(running.stack)
        clients = opened.enter_context(LoadProcess.started())
        prefect = opened.enter_context(Prefect(running.stack))
        panda = opened.enter_context(Panda(sandbox_panda_url(running.stack.settings)))
        has_broker = running.stack.settings.sandbox.broker
        bus = opened.enter_context(BusSender(running)) if has_broker else None
        bench = _Bench(running, clients, prefect, panda, bus)
        for seed in seeds:
            schedule = draw(seed)
            fault = fault_of(schedule, running.stack, prefect, disk)
            if fault is None:
                left_out.append(schedule)
            else:
                bench.play(schedule, fault)
    fill(report, bench.played)
    report.add("left_out", len(left_out))
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


def _broker(report: Report, seeds: Sequence[int]) -> dict[str, str]:
    """The setting that runs the sandbox's broker, where it is installed."""
    if find_programs() is not None:
        return {"PRODOPS_SANDBOX_BROKER": "true"}
    if wanting := [seed for seed in seeds if draw(seed).kind in BY_BUS]:
        report.note(f"LEFT OUT, and not counted: seeds {wanting}: ActiveMQ is not installed.")
    return {}


class _Bench:
    """Plays the schedules, and keeps what went against the rules."""

    def __init__(
        self,
        running: BenchStack,
        clients: LoadProcess,
        prefect: Prefect,
        panda: Panda,
        bus: BusSender | None,
    ) -> None:
        self.played: list[Played] = []
        self._running = running
        self._clients = clients
        self._panda = panda
        self._healing = Healing(running, prefect, clients)
        self._wishes = WishMaker(running, bus)

    def play(self, schedule: Schedule, fault: Fault) -> None:
        """Play one schedule."""
        say(str(schedule))
        began = time.monotonic()
        series = self._wishes.made(schedule)
        self._clients.connect(self._running, CLIENTS)
        place = Place(
            request_id=self._running.count(_NEWEST_REQUEST),
            event_id=self._running.last_event_id(),
            namespace=namespace_of(schedule),
            run=run_of(schedule),
        )
        with Load(self._running, series) as asking:
            moments, looks = self._strike(schedule, fault)
            healed = self._healing.measure(moments[1], late=asking.end)
        comes_true(patiently(self._is_quiet), _QUIET_SECONDS)
        evidence = Evidence(
            kind=schedule.kind,
            began_at=moments[0],
            ended_at=moments[1],
            wishes=asking.asked,
            clients=of_clients(self._running, self._clients, place),
            looks=looks,
            **rows_of(self._running, place, asking.asked, self._panda.tasks()),
        )
        self._judge(schedule, healed, evidence, seconds=time.monotonic() - began)

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

    def _judge(
        self, schedule: Schedule, healed: Healed, evidence: Evidence, *, seconds: float
    ) -> None:
        found = breaches(evidence)
        self.played.append(
            Played(
                schedule=schedule,
                healed=healed,
                wishes=len(evidence.wishes),
                seconds=seconds,
                breaches=found,
            )
        )
        say(f"  {healed}; {len(evidence.wishes)} wishes, {len(found)} breaches")
        for breach in found[:SHOWN]:
            say(f"  {breach}")
