"""Bench `burst`: many triggers at once, alternating with an earlier version of prodops."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Final

from deployments.bench.common import usage
from deployments.bench.common.figures import Report, at_least, at_most, median
from deployments.bench.common.stack import bench_stack, say
from deployments.bench.common.versions import VersionUnavailable
from deployments.bench.requests.contender import Burst, Contender, earlier

_BASELINE: Final = "717a469"
_RUNS: Final = 200
_ROUNDS: Final = 3
_WARM_RUNS: Final = 4
_LOADED: Final = 1.5


def run(*, runs: int = _RUNS, rounds: int = _ROUNDS) -> Report:
    """Measure; about 10 minutes by default."""
    report = Report("burst")
    with bench_stack() as running, _baseline(report) as baseline:
        ours = Contender.present(running)
        contenders = [ours] if baseline is None else [baseline, ours]
        for each in contenders:
            each.burst(_WARM_RUNS)
        bursts: dict[str, list[Burst]] = defaultdict(list)
        for number in range(rounds):
            for each in contenders:
                burst = each.burst(runs)
                bursts[each.name].append(burst)
                say(f"{number + 1} of {rounds}: {each.name}: {_in_words(burst)}")
    _add_figures(report, bursts[ours.name], bursts[baseline.name] if baseline else [])
    return report


@contextmanager
def _baseline(report: Report) -> Iterator[Contender | None]:
    """The baseline's stack; None, with a note of why, where its code cannot be had."""
    with ExitStack() as opened:
        try:
            baseline = opened.enter_context(earlier(_BASELINE))
        except VersionUnavailable as error:
            report.note(f"No comparison: {error}.")
            baseline = None
        yield baseline


def _add_figures(report: Report, ours: Sequence[Burst], theirs: Sequence[Burst]) -> None:
    rate = median([each.runs_per_min for each in ours])
    span = ", ".join(f"{each.runs_per_min:.0f}" for each in ours)
    report.add("runs_per_min", rate, at_least(400), remark=span)
    times, remark = None, "not measured"
    if theirs:
        base = [each.runs_per_min for each in theirs]
        times = median([our.runs_per_min / their for our, their in zip(ours, base, strict=True)])
        remark = f"{_BASELINE}: {', '.join(f'{each:.0f}' for each in base)} runs/min"
    report.add("times_baseline", times, at_least(1.8), remark=remark)
    report.add("cpu_s_per_run", median([each.cpu_s_per_run for each in ours]), at_most(0.25))
    for name, bursts in (("this version", ours), (_BASELINE, theirs)):
        if bursts:
            report.note(f"CPU of {name}, its last burst of {bursts[-1].runs}:")
            report.note(usage.table(bursts[-1].cpu, bursts[-1].seconds))
    report.note(
        "From the first trigger's acceptance over REST to the last end recorded; CPU of all parts, "
        "with what they do afterwards until they are calm."
    )
    if (load := os.getloadavg()[0]) > _LOADED and (start := report.machine["load_at_start"]) > 0:
        report.note(f"Load {start} at the start, {load:.1f} at the end.")


def _in_words(burst: Burst) -> str:
    return (
        f"{burst.runs} runs in {burst.seconds:.1f} s, {burst.runs_per_min:.0f} a minute, "
        f"{burst.cpu_s_per_run:.3f} CPU-s each"
    )
