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
"""Where others keep as many threads runnable or more, latencies are not judged; where the whole
machine does, their 95th percentiles are not."""
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
    others = max(quiet.others_load, loaded.others_load)
    crowded = _said("load of others", others)
    # Where processors are waited for, one of twenty waits long, whoever comes first.
    busy = crowded or _said("machine's load", loaded.machine_load)
    for percent, said in zip(latency.PERCENTS, (crowded, busy), strict=True):
        before, after = percentile(quiet.lags, percent), percentile(loaded.lags, percent)
        quietly = percentile(quiet.answers, percent)
        times = {
            "latency": latency.slowdown(quiet.seconds, loaded.seconds, percent),
            "message_to_client": after / before,
            "mcp": percentile(loaded.asker.answers, percent) / quietly,
        }
        report.add(f"message_to_client_p{percent}_s", after)
        for name, ratio in times.items():
            report.add(f"{name}_ratio_p{percent}", ratio)
        worst = max((each for each in times.values() if each is not None), default=None)
        target = None if said else at_most(MOST_SLOWDOWN)
        report.add(f"worst_ratio_p{percent}", worst, target, remark=said)
    target = None if crowded else at_most(0)
    report.add("late_canaries", loaded.late_canaries, target, remark=crowded)
    report.add("machine_load", loaded.machine_load, remark="under load, of whatever runs")
    spread = f"quiet run {quiet.others_load:.2f}, under load {loaded.others_load:.2f}"
    report.add("others_load", others, remark=spread)
    report.add("others_cores", loaded.used.others_cores, remark="under load")
    report.note(f"From trigger to end:\n{latency.table(quiet.seconds, loaded.seconds)}")


def _said(whose: str, load: float) -> str:
    """That latencies are not judged for a load, if they are not."""
    if load < MOST_LOAD:
        return ""
    return f"not judged: the {whose} was {load:.1f}, and they are below {MOST_LOAD:g}"
