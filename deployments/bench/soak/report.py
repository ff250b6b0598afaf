"""The figures of a load beside those of the quiet run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from deployments.bench.common import usage
from deployments.bench.common.figures import Report, at_most, percentile
from deployments.bench.outage.checks import Breach, BreachKind
from deployments.bench.soak import latency, memory
from deployments.bench.soak.found import Loaded
from deployments.bench.soak.kinds import LEFT_OUT
from deployments.bench.soak.quiet import Quiet

MOST_GROWTH: Final = 1.10
MOST_SLOWDOWN: Final = 2.0
MOST_LOAD: Final = 1.5
"""Where others keep as many threads runnable or more, latencies are not judged."""
_SHOWN: Final = 30


def fill(report: Report, quiet: Quiet, loaded: Loaded, *, clients: int, minutes: float) -> None:
    """Add the figures and tables, and a note for each thing that is not as it must be."""
    report.add("minutes", minutes)
    report.add("triggers", loaded.triggers)
    report.add("stfs", loaded.stfs)
    report.add("clients", clients)
    report.add("events", loaded.events, remark="to each client")
    _add_breaches(report, loaded)
    report.add("agents_calls", loaded.agents.calls)
    report.add("mcp_calls", len(loaded.asker.answers))
    _add_growth(report, loaded.growths)
    _add_latencies(report, quiet, loaded)
    report.add("drained_s", loaded.drained_seconds, remark="until no request was open")
    report.add("own_cores", loaded.used.own_cores)
    report.note(f"CPU of the load:\n{usage.table(loaded.used.parts, loaded.used.seconds)}")
    for action, why in LEFT_OUT.items():
        report.note(f"not asked for: {action}, since {why}")


def _add_breaches(report: Report, loaded: Loaded) -> None:
    kinds = Counter(each.kind for each in loaded.breaches)
    report.add("lost", kinds[BreachKind.LOST], at_most(0))
    report.add("doubled", kinds[BreachKind.DOUBLED], at_most(0))
    errors = kinds[BreachKind.FALSE_END] + kinds[BreachKind.REFUSED]
    report.add("errors", errors, at_most(0))
    report.add("lost_runs", kinds[BreachKind.TAKEN], at_most(0))
    stale = loaded.agents.stale
    report.add("stale_agents", len(stale), at_most(0), remark=", ".join(sorted(stale)))
    shown: Sequence[Breach] = loaded.breaches[:_SHOWN]
    for each in shown:
        report.note(str(each))
    if (more := len(loaded.breaches) - len(shown)) > 0:
        report.note(f"and {more} more")


def _add_growth(report: Report, growths: Sequence[memory.Growth]) -> None:
    ours = [each for each in growths if each.part not in memory.OUTSIDE]
    worst = ours[0] if ours else None
    report.add(
        "worst_memory_growth",
        worst.ratio if worst else None,
        at_most(MOST_GROWTH),
        remark=worst.part if worst else "too few looks",
    )
    report.note(f"Memory of the parts:\n{memory.table(growths)}")


def _add_latencies(report: Report, quiet: Quiet, loaded: Loaded) -> None:
    times = {
        f"latency_ratio_p{each}": latency.slowdown(quiet.seconds, loaded.seconds, each)
        for each in latency.PERCENTS
    }
    for percent in latency.PERCENTS:
        before, after = percentile(quiet.lags, percent), percentile(loaded.lags, percent)
        report.add(f"message_to_client_p{percent}_s", after)
        times[f"message_to_client_ratio_p{percent}"] = after / before
        before = percentile(quiet.answers, percent)
        times[f"mcp_ratio_p{percent}"] = percentile(loaded.asker.answers, percent) / before
    for name, ratio in times.items():
        report.add(name, ratio)
    worst = max((each for each in times.values() if each is not None), default=None)
    others = max(quiet.others_load, loaded.others_load)
    is_judged = others < MOST_LOAD
    said = "" if is_judged else f"not judged: the load of others was {others:.1f}"
    report.add("latency_ratio", worst, at_most(MOST_SLOWDOWN) if is_judged else None, remark=said)
    limit = at_most(0) if is_judged else None
    report.add("late_canaries", loaded.late_canaries, limit, remark=said)
    spread = f"quiet run {quiet.others_load:.2f}, under load {loaded.others_load:.2f}"
    report.add("others_load", others, remark=spread)
    report.add("others_cores", loaded.used.others_cores, remark="under load")
    if not is_judged:
        report.note(
            f"Latencies are not judged: others kept {others:.1f} threads of this machine runnable, "
            f"on average; they are judged where that is below {MOST_LOAD:g}."
        )
    report.note(f"From trigger to end:\n{latency.table(quiet.seconds, loaded.seconds)}")
