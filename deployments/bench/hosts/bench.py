"""Bench `hosts`: two hosts share all work; one is killed, in part or whole, or cut off."""

from __future__ import annotations

import itertools
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Final

from deployments.bench.common.figures import Report, at_least, at_most
from deployments.bench.common.meanwhile import meanwhile
from deployments.bench.common.stack import BenchStack, comes_true, say, until
from deployments.bench.fastmon.load import LoadProcess
from deployments.bench.hosts import custody
from deployments.bench.hosts.cluster import Cluster, Machine, cluster, other_host_name
from deployments.bench.hosts.custody import Custody
from deployments.bench.hosts.processes import Process
from deployments.bench.hosts.schedules import OF_WORKERS, PROCESS, Kind, Schedule, draw
from deployments.bench.hosts.wishes import namespace_of, run_of, wishes
from deployments.bench.outage.checks import Breach, BreachKind, breaches
from deployments.bench.outage.evidence import Evidence, Place, rows_of
from deployments.bench.outage.healing import patiently
from deployments.bench.outage.load import Load
from deployments.bench.submission.chaos.evidence import Panda
from deployments.stack.environment import sandbox_panda_url
from flows.common.models import OPEN

RUNS: Final = 50
CLIENTS: Final = 100
SETTINGS: Final = {
    "PRODOPS_FASTMON_SELECTION_FRACTION": "1",
    "PRODOPS_FASTMON_TF_FILES_PER_STF": "2",
    "PRODOPS_FASTMON_IDLE_SECONDS": "2",
    "PRODOPS_SANDBOX_GRID": "true",
    "PRODOPS_SANDBOX_PANDA": "true",
    "PRODOPS_SANDBOX_PANDA_REFINE_SECONDS": "0.3",
    "PRODOPS_STREAM_HEARTBEAT_SECONDS": "5",
    # How long a submission whose outcome was not seen is left alone is PanDA's lag.
    "PRODOPS_SUBMISSION_CHECK_SECONDS": "1",
    "PRODOPS_SUBMISSION_CONFIRM_SECONDS": "3",
}
"""Everything else is as by default, leases too."""
_ANSWER_SECONDS: Final = 120.0
_QUIET_SECONDS: Final = 300.0
_SHOWN: Final = 12
_NEWEST_REQUEST: Final = "SELECT coalesce(max(id), 0) FROM request"
_OPEN: Final = "SELECT count(*) FROM request WHERE state = ANY(:states)"
_SHARES: Final = "SELECT worker FROM request WHERE worker IS NOT NULL AND state = 'completed'"
_REFUSED: Final = 2


def run(seeds: Sequence[int]) -> Report:
    """Play the schedules of the seeds, one after another; about a minute each.

    Raises:
        NoHosts: Two hosts cannot be made here; the message says why.
    """
    report = Report("hosts")
    with ExitStack() as opened:
        both = opened.enter_context(cluster(SETTINGS))
        report.add("wrong_names_refused", _wrong_names(both), at_least(len(both.machines)))
        clients = opened.enter_context(LoadProcess.started())
        panda = opened.enter_context(Panda(sandbox_panda_url(both.running.stack.settings)))
        bench = _Bench(both, clients, panda)
        for seed in seeds:
            bench.play(draw(seed))
        _fill(report, bench.played, both.running)
    return report


@dataclass(frozen=True, kw_only=True)
class Played:
    """A schedule that was played, and what came of it."""

    schedule: Schedule
    wishes: int
    back_seconds: float
    quiet_seconds: float
    taken: int
    breaches: Sequence[Breach]

    def __str__(self) -> str:
        lines = [str(self.schedule), *(f"  {breach}" for breach in self.breaches[:_SHOWN])]
        if len(self.breaches) > _SHOWN:
            lines.append(f"  and {len(self.breaches) - _SHOWN} more")
        return "\n".join([*lines, f"  again: prodops bench hosts --only {self.schedule.seed}"])


class _Bench:
    """Plays the schedules, and keeps what went against the rules."""

    def __init__(self, both: Cluster, clients: LoadProcess, panda: Panda) -> None:
        self.played: list[Played] = []
        self._both = both
        self._running = both.running
        self._clients = clients
        self._panda = panda

    def play(self, schedule: Schedule) -> None:
        """Play one schedule."""
        say(str(schedule))
        series = wishes(self._running, schedule)
        self._clients.connect(self._running, CLIENTS)
        place = Place(
            request_id=self._running.count(_NEWEST_REQUEST),
            event_id=self._running.last_event_id(),
            namespace=namespace_of(schedule),
            run=run_of(schedule),
        )
        held = Custody(self._running)
        with (
            Load(self._running, series) as asking,
            meanwhile(held.look, every_seconds=custody.EVERY_SECONDS),
        ):
            began_at, ended_at = self._strike(schedule)
            back_at = time.time()
            time.sleep(schedule.begins_seconds)  # load goes on after it is back
            asking.end()
            comes_true(patiently(self._is_quiet), _QUIET_SECONDS)
            quiet_at = time.time()
        evidence = Evidence(
            kind=schedule.kind,
            began_at=began_at,
            ended_at=ended_at,
            wishes=asking.asked,
            clients=self._compared(place),
            **rows_of(self._running, place, asking.asked, self._panda.tasks()),
        )
        found = [*breaches(evidence), *self._taken(schedule, held)]
        self.played.append(
            Played(
                schedule=schedule,
                wishes=len(evidence.wishes),
                back_seconds=back_at - ended_at,
                quiet_seconds=quiet_at - back_at,
                taken=len(held.taken),
                breaches=found,
            )
        )
        asked = len(evidence.wishes)
        say(f"  {asked} wishes, {len(held.taken)} taken over, {len(found)} breaches")
        for breach in found[:_SHOWN]:
            say(f"  {breach}")

    def _strike(self, schedule: Schedule) -> tuple[float, float]:
        """Let it be away for a while; gives when that began and ended, once all is well again."""
        time.sleep(schedule.begins_seconds)
        machine = self._both.machine(schedule.host)
        began_at = time.time()
        if schedule.kind is Kind.CUT:
            machine.host.cut()
        else:
            for process in _struck(self._both, machine, schedule.kind):
                process.kill()
        time.sleep(schedule.lasts_seconds)
        ended_at = time.time()
        if schedule.kind is Kind.CUT:
            machine.host.join()
        else:
            for process in _struck(self._both, machine, schedule.kind):
                process.start()
        until(self._both.is_well, _ANSWER_SECONDS, f"{schedule.kind}: all is well again")
        return began_at, ended_at

    def _taken(self, schedule: Schedule, held: Custody) -> Iterator[Breach]:
        """What was taken from a worker that was well."""
        struck = self._both.machine(schedule.host).worker if schedule.kind in OF_WORKERS else None
        for each in held.taken:
            if each.lost_by != struck:
                yield Breach(BreachKind.TAKEN, str(each))

    def _is_quiet(self) -> bool:
        return self._running.count(_OPEN, states=list(OPEN)) == 0

    def _compared(self, place: Place) -> dict[str, int]:
        """What the clients got, beside the table."""
        ids = self._running.event_ids(place.event_id)
        return self._clients.ask("compare", after=place.event_id, ids=ids)


def _struck(both: Cluster, machine: Machine, kind: Kind) -> list[Process]:
    """The processes that a kind kills, in the order in which they start."""
    if kind is Kind.HOST:
        return list(machine.processes.values())
    name = PROCESS[kind]
    return [both.shared[name] if name in both.shared else machine.processes[name]]


def _wrong_names(both: Cluster) -> int:
    """How many workers are refused that are given the other host's name."""
    refused = 0
    for machine in both.machines:
        worker = machine.processes["worker"]
        impostor = replace(worker, name="impostor")
        impostor.start(host_name=other_host_name(machine))
        try:
            refused += impostor.wait(_ANSWER_SECONDS) == _REFUSED
        except subprocess.TimeoutExpired:
            impostor.kill()
        say(f"a worker on {machine.host.name} by another's name: {impostor.last_words()}")
    return refused


def _fill(report: Report, played: Sequence[Played], running: BenchStack) -> None:
    """Add the figures, and a note for each schedule in which something is not as it must be."""
    found = [breach.kind for each in played for breach in each.breaches]
    report.add("schedules", len(played))
    for kind in (BreachKind.LOST, BreachKind.DOUBLED, BreachKind.FALSE_END, BreachKind.TAKEN):
        report.add(_FIGURES[kind], found.count(kind), at_most(0))
    report.add("refused", found.count(BreachKind.REFUSED), at_most(0))
    report.add("taken_over", sum(each.taken for each in played))
    report.add("wishes", sum(each.wishes for each in played))
    report.add("slowest_back_s", max((each.back_seconds for each in played), default=0.0))
    report.add("slowest_quiet_s", max((each.quiet_seconds for each in played), default=0.0))
    workers = sorted(running.values(_SHARES))
    shares = {name: len(list(rows)) for name, rows in itertools.groupby(workers)}
    report.note(f"requests completed by each worker: {shares}")
    for each in played:
        if each.breaches:
            report.note(str(each))


_FIGURES: Final = {
    BreachKind.LOST: "lost",
    BreachKind.DOUBLED: "doubled",
    BreachKind.FALSE_END: "false_ends",
    BreachKind.TAKEN: "taken_from_the_healthy",
}
