"""Bench `hosts`: two hosts share all work; one is killed, in part or whole, or cut off."""

from __future__ import annotations

import itertools
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Final

from deployments.bench.common.figures import Report, at_least
from deployments.bench.common.meanwhile import meanwhile
from deployments.bench.common.stack import BenchBroken, comes_true, say, until
from deployments.bench.fastmon.load import LoadProcess
from deployments.bench.hosts.cluster import Cluster, Machine, cluster, other_host_name
from deployments.bench.hosts.custody import Custody, Excuse, taken
from deployments.bench.hosts.report import SHOWN, Played, Strike, fill
from deployments.bench.hosts.schedules import (
    CUTS,
    LEASE_SECONDS,
    OF_WORKERS,
    PROCESS,
    Kind,
    Schedule,
    draw,
)
from deployments.bench.hosts.silence import Watch
from deployments.bench.hosts.told_states import ToldStates, told_states
from deployments.bench.hosts.wishes import namespace_of, run_of, wishes
from deployments.bench.outage.checks import Breach, breaches
from deployments.bench.outage.evidence import Evidence, Place, of_clients, rows_of
from deployments.bench.outage.healing import patiently
from deployments.bench.outage.load import Load
from deployments.bench.provenance import seeding
from deployments.bench.submission.chaos.evidence import Panda
from deployments.sandbox.grid.grid import Grid
from deployments.sandbox.grid.made_up import made_up
from deployments.stack.environment import sandbox_panda_url
from deployments.worker.identity import WorkerRuns
from flows.common.models import HELD, OPEN

RUNS: Final = 50
CLIENTS: Final = 100
_TFS_PER_STF: Final = 2
_DATASETS: Final = 40  # of the campaign that is swept
_FILES: Final = 400
SETTINGS: Final = {
    "PRODOPS_FASTMON_SELECTION_FRACTION": "1",
    "PRODOPS_FASTMON_TF_FILES_PER_STF": str(_TFS_PER_STF),
    "PRODOPS_FASTMON_IDLE_SECONDS": "2",
    "PRODOPS_SANDBOX_GRID": "true",
    "PRODOPS_SANDBOX_PANDA": "true",
    "PRODOPS_SANDBOX_PANDA_REFINE_SECONDS": "0.3",
    "PRODOPS_STREAM_HEARTBEAT_SECONDS": "5",
    # How long a submission whose outcome was not seen is left alone is PanDA's lag.
    "PRODOPS_SUBMISSION_CHECK_SECONDS": "1",
    "PRODOPS_SUBMISSION_CONFIRM_SECONDS": "3",
    # The name of a sending that was lost on another host is left alone for both together.
    "PRODOPS_SUBMISSION_TIMEOUT_SECONDS": "60",
    "PRODOPS_SUBMISSION_SERVER_LIMIT_SECONDS": "30",
    "PRODOPS_WORKER_LEASE_SECONDS": f"{LEASE_SECONDS:g}",
}
"""Everything else is as by default."""
_ANSWER_SECONDS: Final = 300.0
_QUIET_SECONDS: Final = 300.0
_NEWEST_REQUEST: Final = "SELECT coalesce(max(id), 0) FROM request"
_OPEN: Final = "SELECT count(*) FROM request WHERE state = ANY(:states)"
_SHARES: Final = "SELECT worker FROM request WHERE worker IS NOT NULL AND state = 'completed'"
_IN_HAND: Final = "SELECT count(*) FROM request WHERE worker = :worker AND state = ANY(:states)"
_BUSY_SECONDS: Final = 20.0  # for so long it is waited until a worker has something to lose
_LOOK_SECONDS: Final = 0.25
_TELL_SECONDS: Final = 60.0  # the relay reads each minute what it was not told of


def run(seeds: Sequence[int]) -> Report:
    """Play the schedules of the seeds, one after another; about a minute each.

    Raises:
        NoHosts: Two hosts cannot be made here; the message says why.
    """
    report = Report("hosts")
    with ExitStack() as opened:
        both = opened.enter_context(cluster(SETTINGS))
        campaign = made_up(requests=_DATASETS, datasets=_DATASETS, files=_FILES)
        seeding.prepare(both.running, Grid(both.running.stack.settings), campaign)
        report.add("wrong_names_refused", _wrong_names(both), at_least(len(both.machines)))
        clients = opened.enter_context(LoadProcess.started())
        panda = opened.enter_context(Panda(sandbox_panda_url(both.running.stack.settings)))
        states = opened.enter_context(told_states(both.running))
        bench = _Bench(both, clients, panda, states)
        with _broken_off(report):
            for seed in seeds:
                bench.play(draw(seed))
        fill(report, bench.played, wanted=len(seeds))
        workers = sorted(both.running.values(_SHARES))
        shares = {name: len(list(rows)) for name, rows in itertools.groupby(workers)}
        report.note(f"requests completed by each worker: {shares}")
    return report


@contextmanager
def _broken_off(report: Report) -> Iterator[None]:
    """Where a schedule cannot be played to its end, say so, and report of those before."""
    try:
        yield
    except BenchBroken as error:
        report.note(f"BROKEN OFF: {error}.")


class _Bench:
    """Plays the schedules, and keeps what went against the rules."""

    def __init__(
        self, both: Cluster, clients: LoadProcess, panda: Panda, states: ToldStates
    ) -> None:
        self.played: list[Played] = []
        self._both = both
        self._running = both.running
        self._clients = clients
        self._panda = panda
        self._states = states
        self._custody = Custody(both.running)

    def play(self, schedule: Schedule) -> None:
        """Play one schedule."""
        say(str(schedule))
        series = wishes(self._running, schedule)
        place = Place(
            request_id=self._running.count(_NEWEST_REQUEST),
            event_id=self._running.last_event_id(),
            namespace=namespace_of(schedule),
            run=run_of(schedule),
        )
        self._clients.connect(self._running, CLIENTS, after=place.event_id)
        began_at = time.time()
        ends_before = self._custody.place()
        with Load(self._running, series) as asking:
            strike = self._strike(schedule)
            time.sleep(schedule.begins_seconds)  # load goes on after it is back
            asking.end()
            comes_true(patiently(self._is_quiet), _QUIET_SECONDS)
            quiet_at = time.time()
        evidence = Evidence(
            kind=schedule.kind,
            began_at=strike.began_at,
            ended_at=strike.ended_at,
            wishes=asking.asked,
            tfs_per_stf=_TFS_PER_STF,
            clients=of_clients(self._running, self._clients, place),
            **rows_of(self._running, place, asking.asked, self._panda.tasks()),
        )
        ends = self._custody.since(ends_before)
        untold = self._untold(place, began_at)
        played = Played(
            schedule=schedule,
            wishes=len(evidence.wishes),
            strike=strike,
            quiet_seconds=quiet_at - strike.back_at,
            ends=ends,
            clients=evidence.clients,
            breaches=[*breaches(evidence), *taken(ends, self._excuse(schedule, strike)), *untold],
        )
        self.played.append(played)
        _tell(played)

    def _strike(self, schedule: Schedule) -> Strike:
        """Let it be away for a while; gives what happened, once all is well again."""
        time.sleep(schedule.begins_seconds)
        machine = self._both.machine(schedule.host)
        killed = _killed(machine, schedule.kind)
        if schedule.kind in OF_WORKERS:
            comes_true(lambda: self._is_busy(machine.worker), _BUSY_SECONDS)
        if schedule.kind is Kind.CUT_WRITING:
            machine.writer.start()
            until(lambda: machine.is_writing, _ANSWER_SECONDS, "a process writes an event")
        watch = Watch(self._running)
        with meanwhile(watch.look, every_seconds=_LOOK_SECONDS):
            began_at = time.time()
            if schedule.kind in CUTS:
                machine.host.cut()
            elif schedule.kind is Kind.HOST:
                machine.host.kill()
            else:
                for name in killed:
                    self._both.process(machine, name).kill()
            time.sleep(schedule.lasts_seconds)
        ended_at = time.time()
        machine.end_writing()
        machine.host.join()
        for name in killed:
            self._both.process(machine, name).start()
        until(self._both.is_well, _ANSWER_SECONDS, f"seed {schedule.seed}: all is well again")
        return Strike(began_at, ended_at, time.time(), watch.longest)

    def _excuse(self, schedule: Schedule, strike: Strike) -> Excuse | None:
        """Whose work others may take over, and until when: two leases, and half of one to look."""
        if schedule.kind not in OF_WORKERS:
            return None
        worker = self._both.machine(schedule.host).worker
        return Excuse(worker, strike.back_at, strike.back_at + 2.5 * LEASE_SECONDS)

    def _untold(self, place: Place, began_at: float) -> list[Breach]:
        """The states of runs that are not told, once there was time to."""
        found: list[Breach] = []

        def is_told() -> bool:
            found[:] = self._states.differ(since=began_at, after=place.event_id)
            return not found

        comes_true(is_told, _TELL_SECONDS)
        return found

    def _is_busy(self, worker: str) -> bool:
        """Whether the worker has a request in hand."""
        return self._running.count(_IN_HAND, worker=worker, states=list(HELD)) > 0

    def _is_quiet(self) -> bool:
        return self._running.count(_OPEN, states=list(OPEN)) == 0


def _killed(machine: Machine, kind: Kind) -> list[str]:
    """The names of the processes that a kind kills, in the order in which they start."""
    if kind is Kind.HOST:
        return list(machine.processes)
    return [] if kind in CUTS else [PROCESS[kind]]


def _tell(played: Played) -> None:
    after = ", ".join(f"{seconds:.0f}" for seconds in played.taken_up_after)
    say(
        f"  {played.wishes} wishes, back after {played.strike.back_seconds:.0f} s, quiet after "
        f"{played.quiet_seconds:.0f} s, lost attempts taken up after {after or 'none'} s, "
        f"no event for {played.strike.silent_seconds:.1f} s, "
        f"clients {dict(played.clients)}, {len(played.breaches)} breaches"
    )
    for breach in played.breaches[:SHOWN]:
        say(f"  {breach}")


def _wrong_names(both: Cluster) -> int:
    """How many workers are refused that are given the other host's name."""
    refused = 0
    for machine in both.machines:
        impostor = machine.impostor()
        impostor.start(host_name=other_host_name(machine))
        try:
            code: int | None = impostor.wait(_ANSWER_SECONDS)
        except subprocess.TimeoutExpired:
            impostor.kill()
            code = None
        words = impostor.last_words()
        refused += code == WorkerRuns.exit_code and f"@{other_host_name(machine)} runs" in words
        say(f"a worker on {machine.host.name} by another's name ended with {code}: {words}")
    return refused
