"""Bench `chaos`: random kills, PanDA's faults and double clicks; nothing may be lost or doubled."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from deployments.bench.common.figures import Report, at_most
from deployments.bench.common.process_worker import ProcessWorker, process_worker
from deployments.bench.common.stack import (
    BenchBroken,
    BenchStack,
    bench_stack,
    comes_true,
    say,
    until,
)
from deployments.bench.submission.chaos.checks import breaches
from deployments.bench.submission.chaos.evidence import Evidence, Panda, is_of, journal_of, rows_of
from deployments.bench.submission.chaos.follower import Announcement, Follower
from deployments.bench.submission.chaos.intent import Intent
from deployments.bench.submission.chaos.leaks import Secrets
from deployments.bench.submission.chaos.schedule import (
    PRUN_SECONDS,
    SERVER_LIMIT_SECONDS,
    draw,
    in_other_pool,
)
from deployments.bench.submission.chaos.victims import Victims
from deployments.stack.environment import sandbox_panda_url
from flows.common.database_errors import DatabaseUnavailable

RUNS: Final = 200
AT_A_TIME: Final = 4
SETTINGS: Final = {
    "PRODOPS_SANDBOX_PANDA": "true",
    "PRODOPS_SANDBOX_PANDA_REFINE_SECONDS": "0.6",
    "PRODOPS_SUBMISSION_TIMEOUT_SECONDS": f"{PRUN_SECONDS:g}",
    "PRODOPS_SUBMISSION_SERVER_LIMIT_SECONDS": f"{SERVER_LIMIT_SECONDS:g}",
    "PRODOPS_SUBMISSION_CHECK_SECONDS": "0.5",
    "PRODOPS_SUBMISSION_CONFIRM_SECONDS": "3",
    "PRODOPS_PANDA_TIMEOUT_SECONDS": "2",
    "PRODOPS_RELAY_REST_SECONDS": "3",
    "PRODOPS_WORKER_DRAIN_SECONDS": "3",
    "PRODOPS_WORKER_LEASE_SECONDS": "3",
    "PRODOPS_WORKER_LIMIT": "6",
    "PRODOPS_WORKER_POLL_SECONDS": "1",
    "PRODOPS_WORKER_PREFECT_POLL_SECONDS": "1",
    "PRODOPS_WORKER_STOP_GRACE_SECONDS": "3",
}
# A cold start takes 5 s on a quiet machine, and a minute on one that many share.
_PATIENT: Final = {"PRODOPS_PREFECT_START_SECONDS": "90", "PRODOPS_WORKER_LEASE_SECONDS": "10"}
_PATIENT_WAVE_SECONDS: Final = 900.0
_LEAST: Final = ("PRODOPS_DATABASE_URL", "PRODOPS_DATABASE_PASSFILE", "PRODOPS_STATE_DIR")
_REGISTERED: Final = "SELECT count(*) FROM registered_deployment WHERE pool = :pool"
_WAVE_SECONDS: Final = 300.0
_BACK_SECONDS: Final = 180.0
_CALM_SECONDS: Final = 20.0
_MOST_PRESSES: Final = 8
_BAR: Final = (
    TextColumn("{task.description}"),
    BarColumn(),
    MofNCompleteColumn(),
    TextColumn("violations {task.fields[violations]}"),
    TimeRemainingColumn(),
)

_OPEN_REQUESTS: Final = """
    SELECT subject FROM request WHERE action = 'submit_task' AND subject = ANY(:names)
    AND state IN ('queued', 'claimed', 'running', 'unknown')
"""
_OPEN_ATTEMPTS: Final = """
    SELECT task_name FROM submission_attempt WHERE task_name = ANY(:names) AND ended_at IS NULL
"""


def run(seeds: Sequence[int], pool: str | None = None) -> Report:
    """Play the schedules of the seeds, four intents at a time; about 5 s each.

    Args:
        seeds: Of the schedules.
        pool: A pool in which Prefect's own process worker starts the submissions; None: the warm
            worker does. It takes four times as long.
    """
    report = Report("chaos")
    others = {"PRODOPS_PREFECT_POOLS": f"submit_task={pool}", **_PATIENT} if pool else {}
    with (
        bench_stack(SETTINGS | others) as running,
        Panda(sandbox_panda_url(running.stack.settings)) as panda,
        _pool_worker(running, pool) as pool_worker,
    ):
        secrets = Secrets(running.stack)
        bench = _Bench(running, panda, seeds, pool_worker)
        with Follower(running.stack, after=running.last_event_id(), handle=bench.take):
            bench.play()
        secrets.note()
        say("looking for secrets in files and tables")
        found = [*bench.found, *secrets.leaks()]
    report.add("schedules", bench.schedules)
    report.add("violations", len(found), at_most(0))
    report.add("kills", bench.kills)
    report.add("seconds_per_schedule", bench.seconds / max(1, bench.schedules))
    if pool:
        report.note(f"the submissions were started by a process worker in the pool {pool}")
    for breach in found:
        report.note(breach)
    for evidence in bench.evidence:
        report.note(f"{evidence}\n  again: prodops bench chaos --only {evidence.schedule.seed}")
    return report


@contextmanager
def _pool_worker(running: BenchStack, pool: str | None) -> Iterator[ProcessWorker | None]:
    """Prefect's own worker in a pool, whose runs get the least that they need; None without one."""
    if pool is None:
        yield None
        return
    given = running.stack.environment("ops")
    least = {name: given[name] for name in (*_LEAST, *SETTINGS, *_PATIENT) if name in given}
    least |= {"PREFECT_CLIENT_RETRY_EXTRA_CODES": "500", "PREFECT_CLIENT_MAX_RETRIES": "150"}
    with process_worker(running.stack, pool, least, poll_seconds=0.5) as worker:
        say(f"waiting for the process worker in the pool {pool}, and a deployment there")
        what = "the deployment of submissions is in the pool"
        until(lambda: running.count(_REGISTERED, pool=pool) > 0, _BACK_SECONDS, what)
        yield worker


class _Bench:
    """Plays the schedules in waves, and keeps what went against the rules."""

    def __init__(
        self,
        running: BenchStack,
        panda: Panda,
        seeds: Sequence[int],
        pool_worker: ProcessWorker | None,
    ) -> None:
        self.found: list[str] = []
        self.evidence: list[Evidence] = []
        self.schedules = 0
        self.kills = 0
        self.seconds = 0.0
        self._running = running
        self._panda = panda
        self._wave_seconds = _WAVE_SECONDS if pool_worker is None else _PATIENT_WAVE_SECONDS
        self._drawn = draw if pool_worker is None else (lambda seed: in_other_pool(draw(seed)))
        self._victims = Victims(running, pool_worker)
        self._by_name: dict[str, Intent] = {}
        self._intents = self._made(seeds)

    def take(self, event: Announcement) -> None:
        """Hand an event to its intent."""
        intent = self._by_name.get(event.task_name)
        if intent is not None:
            intent.take(event, self._victims)

    def play(self) -> None:
        """Play all the schedules."""
        began, number = time.monotonic(), len(self._intents)
        console = Console(stderr=True)
        with Progress(*_BAR, console=console, disable=not console.is_terminal) as bar:
            task = bar.add_task("schedules", total=number, violations=0)
            for first in range(0, number, AT_A_TIME):
                self._play_wave(self._intents[first : first + AT_A_TIME])
                violations = len(self.found)
                bar.update(task, completed=self.schedules, violations=violations)
                if not console.is_terminal:
                    say(f"{self.schedules} of {number} schedules, {violations} violations")
        self.seconds = time.monotonic() - began

    def _made(self, seeds: Sequence[int]) -> list[Intent]:
        """A production task for each seed, ready to be submitted."""
        say(f"making {len(seeds)} production tasks at PCS")
        tasks = self._running.make_tasks([f"chaos{seed:05d}" for seed in seeds])
        intents = [
            Intent(self._drawn(seed), task, self._composed(task))
            for seed, task in zip(seeds, tasks, strict=True)
        ]
        for intent in intents:
            self._by_name[intent.task_name] = self._by_name[intent.panda_name] = intent
        return intents

    def _composed(self, task: str) -> str:
        answer = self._running.http.get(f"/pcs/api/prod-tasks/{task}/").raise_for_status()
        return str(answer.json()["composed_name"])

    # -------------------------------------------------------------- a wave

    def _play_wave(self, wave: list[Intent]) -> None:
        self._victims.look()
        for intent in wave:
            intent.begin(self._running.http, self._panda)
        comes_true(lambda: self._is_over(wave), self._wave_seconds)
        for intent in wave:
            intent.end()
        self._panda.clear_faults()
        if not comes_true(self._victims.are_back, _BACK_SECONDS):
            raise BenchBroken("a part that was killed did not come back")
        self._check(wave)

    def _is_over(self, wave: list[Intent]) -> bool:
        """Whether every intent is submitted and quiet; one that was refused is asked for again."""
        self._victims.look()
        try:
            is_open, submitted = self._states(wave)
        except DatabaseUnavailable:
            return False
        for intent in wave:
            is_quiet = not intent.is_busy and not {intent.task_name, intent.panda_name} & is_open
            intent.is_settled = is_quiet and intent.task_name in submitted
            if is_quiet and not intent.is_settled and len(intent.answers) < _MOST_PRESSES:
                intent.ask_again(self._running.http)
        return all(intent.is_settled for intent in wave) and self._victims.are_back()

    def _states(self, wave: list[Intent]) -> tuple[set[str], set[str]]:
        """Names with an open request, and those of tasks that have an id."""
        names = [intent.task_name for intent in wave]
        subjects = [*names, *(intent.panda_name for intent in wave)]
        attempts = self._running.values(_OPEN_ATTEMPTS, names=names)
        submitted = self._running.recorded(names)
        for intent in wave:
            intent.most_open = max(intent.most_open, attempts.count(intent.task_name))
        return set(self._running.values(_OPEN_REQUESTS, names=subjects)), submitted

    # -------------------------------------------------------------- what must hold

    def _check(self, wave: list[Intent]) -> None:
        seeds = [intent.schedule.seed for intent in wave]
        self.found += [f"seeds {seeds}: {left}" for left in self._leftovers()]
        tasks, journal = self._panda.tasks(), self._panda.journal()
        for intent in wave:
            evidence = Evidence(
                schedule=intent.schedule,
                task_name=intent.task_name,
                panda_name=intent.panda_name,
                events=tuple(intent.events),
                panda=tuple(each for each in tasks if is_of(each.name, intent.panda_name)),
                answers=tuple(intent.answers),
                journal=journal_of(journal, intent.panda_name),
                kills=tuple(intent.kills),
                most_open=intent.most_open,
                is_settled=intent.is_settled,
                **rows_of(self._running, intent.task_name, intent.panda_name),
            )
            self._judge(evidence)

    def _judge(self, evidence: Evidence) -> None:
        self.schedules += 1
        self.kills += sum("killed" in kill for kill in evidence.kills)
        found = breaches(evidence)
        self.found += [f"seed {evidence.schedule.seed}: {breach}" for breach in found]
        if found:
            self.evidence.append(evidence)

    def _leftovers(self) -> Iterator[str]:
        """What a wave left behind: prun that lives, sandboxes; runs end by themselves."""
        if pruns := self._victims.pruns():
            yield f"prun is left: {pruns}"
        comes_true(lambda: not self._victims.runs(), _CALM_SECONDS)
        if runs := self._victims.runs():
            yield f"runs are left: {[run.pid for run in runs]}"
        sandboxes = self._running.stack.state_dir / "submissions"
        if sandboxes.exists() and (left := sorted(path.name for path in sandboxes.iterdir())):
            yield f"sandboxes are left: {shlex.join(left)}"
