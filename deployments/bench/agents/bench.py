"""Bench `agents`: original agents' calls for their STFs, many agents at once."""

from __future__ import annotations

import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Final

from deployments.bench.agents.agent import CALLS, Place, work
from deployments.bench.common.figures import Report, at_least, at_most, percentile
from deployments.bench.common.stack import BenchBroken, BenchStack, bench_stack, say
from deployments.bench.common.usage import cpu_seconds, growth, table

_AGENTS: Final = 20
_PROCESSES: Final = 2
_SECONDS: Final = 20.0
_WARM_SECONDS: Final = 2.0
_RUN: Final = 100123
_STF: Final = "swf.100123.000001.stf"


@dataclass(frozen=True)
class _Measured:
    """What the agents of one kind got."""

    answers: list[float]
    stfs: int
    seconds: float
    usage: str

    @property
    def per_second(self) -> float:
        return len(self.answers) / self.seconds


def run(*, seconds: float = _SECONDS, agents: int = _AGENTS) -> Report:
    """Measure; about a minute by default."""
    report = Report("agents")
    # The agents log faster here than any site's do.
    with bench_stack({"PRODOPS_AGENTS_LOGS_PER_SECOND": "100000"}) as running:
        place = register(running, _RUN, _STF)
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(_PROCESSES, mp_context=context) as pool:
            _measure(running, pool, place, agents, _WARM_SECONDS, is_fresh=False)
            kept = _measure(running, pool, place, agents, seconds, is_fresh=False)
            fresh = _measure(running, pool, place, agents, seconds, is_fresh=True)
    for prefix, measured in (("", kept), ("fresh_", fresh)):
        report.add(f"{prefix}requests_per_s", measured.per_second, at_least(300))
        report.add(f"{prefix}p50_s", percentile(measured.answers, 50))
        report.add(f"{prefix}p99_s", percentile(measured.answers, 99), at_most(0.1))
        report.add(f"{prefix}stfs_per_s", measured.stfs / measured.seconds)
    report.note(
        f"{agents} agents in {_PROCESSES} processes, one call after the other with `requests`: "
        f"{CALLS} for each STF (7 TF files, 31 log records, 8 heartbeats); over kept connections, "
        "then with a connection for each call (fresh)."
    )
    report.note(f"kept connections:\n{kept.usage}")
    return report


def register(running: BenchStack, run_number: int, stf_filename: str) -> Place:
    """A run and an STF file, below which the agents register their TF files."""
    run = running.http.post(
        "/api/runs/", json={"run_number": run_number, "start_time": "2026-08-01T12:00:00Z"}
    )
    stf = running.http.post(
        "/api/stf-files/", json={"run": run.json()["run_id"], "stf_filename": stf_filename}
    )
    stf.raise_for_status()
    return Place(running.stack.api_url, running.token, stf_filename)


def _measure(
    running: BenchStack,
    pool: ProcessPoolExecutor,
    place: Place,
    agents: int,
    seconds: float,
    *,
    is_fresh: bool,
) -> _Measured:
    stamp = f"{time.time():.0f}"
    names = [f"fastmon-agent-bench-{stamp}-{number}" for number in range(agents)]
    before = cpu_seconds(os.getpid(), running.parts, "clients")
    began = time.monotonic()
    parts = [
        pool.submit(work, place, names[first::_PROCESSES], seconds, is_fresh=is_fresh)
        for first in range(_PROCESSES)
    ]
    results = [part.result() for part in parts]
    taken = time.monotonic() - began
    failures = [failure for each in results for failure in each["failures"]]
    if failures:
        raise BenchBroken(f"{len(failures)} calls failed, the first: {failures[0]}")
    answers = [second for each in results for second in each["answers"]]
    used = growth(before, cpu_seconds(os.getpid(), running.parts, "clients"))
    say(f"{'fresh' if is_fresh else 'kept'} connections: {len(answers) / taken:.0f} requests/s")
    return _Measured(answers, sum(each["stfs"] for each in results), taken, table(used, taken))
