"""Bench `year`: pages and intake with what the shipped defaults keep, beside a new database."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from deployments.assistant import assistant
from deployments.bench.common.figures import Report, Target, at_most, columns, median, percentile
from deployments.bench.growth.amounts import (
    DAY_SECONDS,
    EVENTS_AN_STF,
    REQUESTS_A_DAY,
    STFS_A_SECOND,
    TFS_AN_STF,
    Amounts,
)
from deployments.bench.growth.databases import Cluster, cluster, ops_engine, web_tier
from deployments.bench.growth.filling import Filled, fill
from deployments.bench.growth.measuring import Seconds, Side, measure
from deployments.bench.growth.places import RUNS, SEARCH, Places
from deployments.bench.growth.pruning import Pruned, prune

_ROUNDS: Final = 200
_TURNS: Final = 20
_FLOOR_SECONDS: Final = 0.010
_MOST: Final = 1.5
_MIB: Final = 1 << 20

EMPTY: Final = "empty"
NEW: Final = "new"
FULL: Final = "full"


def run(*, scale: float = 1.0, rounds: int = _ROUNDS, keep: Path | None = None) -> Report:
    """Measure; half an hour at full scale, and a few minutes with what was kept."""
    report = Report("year")
    amounts = {NEW: Amounts.of_a_day(), FULL: Amounts.scaled(scale)}
    with cluster(EMPTY, NEW, FULL, keep=keep) as (found, tokens):
        _size(report, found, fill(found, amounts))
        with ExitStack() as opened:
            sides: dict[str, Side] = {}
            for name in found.databases:
                client = opened.enter_context(web_tier(found.stack, name))
                asking = assistant(f"{client.base_url}".rstrip("/"), tokens.operator)
                places = Places(amounts.get(name, amounts[FULL]), is_empty=name == EMPTY)
                sides[name] = Side(client, opened.enter_context(asking), tokens, places)
            _conclude(report, measure(sides, rounds), rounds)
            if keep is None:  # else there would be fewer rows each time
                with ops_engine(found.stack, FULL) as engine:
                    _add_pruning(report, prune(engine, sides[FULL], amounts[FULL], _TURNS))
    return report


def _size(report: Report, found: Cluster, filled: Filled) -> None:
    report.add("seed_s", filled.seconds)
    sizes, numbers = found.sizes(FULL), filled.rows[FULL]
    report.add("rows", sum(numbers.values()))
    report.add("disk_mib", sum(sizes.values()) / _MIB)
    lines = [
        (name, f"{number:,}", f"{sizes[name] / _MIB:,.0f}", f"{sizes[name] / max(number, 1):.0f}")
        for name, number in numbers.items()
    ]
    report.note(columns(("table", "rows", "MiB", "bytes a row"), lines))
    report.note(_growth({name: sizes[name] / numbers[name] for name in numbers}))


def _growth(row_bytes: dict[str, float]) -> str:
    """What a day brings at the rates of `amounts`, in rows and in bytes."""
    stfs = STFS_A_SECOND * DAY_SECONDS
    rows_a_day = {
        "event": stfs * EVENTS_AN_STF,
        "swf_fastmon_files": stfs * TFS_AN_STF,
        "swf_stf_files": stfs,
        "fastmon_inbox": stfs,
        "request": REQUESTS_A_DAY,
    }
    lines = [
        (name, f"{number:,}", f"{number * row_bytes[name] / _MIB:,.1f}")
        for name, number in rows_a_day.items()
    ]
    head = f"A day of {STFS_A_SECOND} STF/s and {REQUESTS_A_DAY} requests brings:"
    return f"{head}\n{columns(('table', 'rows', 'MiB'), lines)}"


def _conclude(report: Report, taken: dict[str, Seconds], rounds: int) -> None:
    p95, medians = _of_calls(taken, 95), _of_calls(taken, 50)
    ratios, raw = _ratios(p95, NEW, _FLOOR_SECONDS), _ratios(p95, NEW)
    of_medians, to_empty = _ratios(medians, NEW), _ratios(p95, EMPTY, _FLOOR_SECONDS)
    _add_worst(report, "worst_ratio", ratios, at_most(_MOST))
    _add_worst(report, "worst_raw_ratio", raw)
    _add_worst(report, "worst_median_ratio", of_medians)
    _add_worst(report, "worst_ratio_to_empty", to_empty)
    halves = {
        side: {call: each[first::2] for call, each in taken[NEW].items()}
        for side, first in ((NEW, 0), (FULL, 1))
    }
    _add_worst(report, "noise_ratio", _ratios(_of_calls(halves, 95), NEW, _FLOOR_SECONDS))
    for name, call in (("search_p95_s", SEARCH), ("list_runs_p95_s", RUNS)):
        report.add(name, p95[FULL][call], remark=f"{raw[call]:.1f} times that of a new one")
    report.add("load", os.getloadavg()[1], remark="of the last 5 minutes")
    report.note(
        f"p95 in ms of {rounds} calls each, the databases in turns. `new` has as many runs, and of "
        "all else what one page of each list shows; `empty` has nothing, so that its pages are "
        f"made faster. A ratio takes {1000 * _FLOOR_SECONDS:g} ms for a p95 that is less; `raw` "
        "and `median`, which is of the medians, do not. A text is looked for in up to 100,000 log "
        "records, and an assistant's list of runs counts the STF files of each: of both a new "
        "database has few, so that these calls are figures of their own."
    )
    lines = [
        (
            call,
            *(f"{1000 * p95[side][call]:.1f}" for side in (EMPTY, NEW, FULL)),
            *(f"{each[call]:.2f}" for each in (ratios, raw, of_medians, to_empty)),
        )
        for call in sorted(ratios, key=ratios.__getitem__, reverse=True)
    ]
    header = ("call", "empty", "new", "full", "ratio", "raw", "median", "to empty")
    report.note(columns(header, lines))


def _add_pruning(report: Report, pruned: Pruned) -> None:
    longest = {kind: max(each) for kind, each in pruned.pieces.items()}
    worst = max(longest, key=longest.__getitem__)
    report.add("longest_piece_s", longest[worst], remark=worst)
    busy, calm = (
        {call: percentile(each, 95) for call, each in taken.items()}
        for taken in (pruned.busy, pruned.calm)
    )
    ratios = _ratios({FULL: busy, NEW: calm}, NEW, _FLOOR_SECONDS)
    _add_worst(report, "intake_pruning_ratio", ratios)
    lines = [
        (
            kind,
            f"{pruned.rows[kind]:,}",
            f"{len(each)}",
            f"{median(each):.3f}",
            f"{max(each):.3f}",
            f"{pruned.rows[kind] / sum(each):,.0f}",
        )
        for kind, each in pruned.pieces.items()
    ]
    header = ("pruned", "rows", "pieces", "median s", "longest s", "rows a second")
    report.note(columns(header, lines))


def _add_worst(
    report: Report, name: str, ratios: dict[str, float], target: Target | None = None
) -> None:
    """Add the highest of the ratios; those of two calls are figures of their own."""
    worst = max(ratios.keys() - {SEARCH, RUNS}, key=ratios.__getitem__)
    report.add(name, ratios[worst], target, remark=worst)


def _of_calls(taken: Mapping[str, Seconds], percent: float) -> dict[str, dict[str, float]]:
    return {
        side: {call: percentile(each, percent) for call, each in times.items()}
        for side, times in taken.items()
    }


def _ratios(
    seconds: Mapping[str, Mapping[str, float]], side: str, floor: float = 0.0
) -> dict[str, float]:
    """Of each call: that of the full database, in that of a side, which is at least the floor."""
    return {call: full / max(seconds[side][call], floor) for call, full in seconds[FULL].items()}
