"""Bench `latency`: from an accepted trigger to the flow's first line, beside a stock worker."""

from __future__ import annotations

from typing import Final

from deployments.bench.common.figures import Report, at_least, at_most, median, percentile
from deployments.bench.common.stack import BenchStack, bench_stack, say
from deployments.bench.requests.stock_worker import StockWorker

_RUNS: Final = 24
_STOCK_RUNS: Final = 8
_CALM_SECONDS: Final = 1.5


def run(*, runs: int = _RUNS) -> Report:
    """Measure; about 3 minutes by default."""
    report = Report("latency")
    with bench_stack() as running, StockWorker.started(running.stack) as stock:
        say(f"the stock worker's first run took {stock.trigger_to_start():.2f} s (dropped)")
        ours, theirs = _interleaved(running, stock, runs)
    report.add_median("trigger_to_start_median_s", ours, at_most(0.3))
    report.add("trigger_to_start_p95_s", percentile(ours, 95), at_most(0.6))
    report.add_median("stock_worker_median_s", theirs)
    report.add("times_faster_than_stock", median(theirs) / median(ours), at_least(8))
    report.note(
        "Trigger: the request's commit to the flow's first line; the first two runs dropped. "
        "Stock: `prefect worker start --type process`, default launcher, 0.2 s poll, same server, "
        "create_flow_run's return to the first line; suspended while prodops is measured."
    )
    return report


def _interleaved(
    running: BenchStack, stock: StockWorker, runs: int
) -> tuple[list[float], list[float]]:
    ours: list[float] = []
    theirs: list[float] = []
    for number in range(runs):
        while len(theirs) < _STOCK_RUNS * (number + 1) / runs:
            theirs.append(stock.trigger_to_start())
            say(f"stock worker: {theirs[-1]:.3f} s")
        running.wait_calm(_CALM_SECONDS)
        ours.append(running.check_pipeline())
        say(f"prodops {number + 1} of {runs}: {ours[-1]:.3f} s")
    return ours, theirs
