"""Bench `year`: pages and intake with what the shipped defaults keep, beside a new database."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from deployments.bench.common.figures import Report, at_most, columns, percentile
from deployments.bench.growth.amounts import (
    DAY_SECONDS,
    EVENTS_AN_STF,
    REQUESTS_A_DAY,
    STFS_A_SECOND,
    TFS_AN_STF,
    Amounts,
)
from deployments.bench.growth.databases import Cluster, cluster, web_tier
from deployments.bench.growth.filling import Filled, fill
from deployments.bench.growth.measuring import Seconds, Side, measure
from deployments.bench.growth.places import SEARCH, Places

_ROUNDS: Final = 200
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
            sides = {
                name: Side(
                    opened.enter_context(web_tier(found.stack, name)),
                    tokens,
                    Places(amounts.get(name, amounts[FULL])),
                )
                for name in found.databases
            }
            taken = measure(sides, rounds)
        _conclude(report, taken, rounds)
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
    p95 = {
        name: {call: percentile(each, 95) for call, each in times.items()}
        for name, times in taken.items()
    }
    ratios = _ratios(p95, NEW, _FLOOR_SECONDS)
    search = ratios.pop(SEARCH)
    worst = max(ratios, key=ratios.__getitem__)
    report.add("worst_ratio", ratios[worst], at_most(_MOST), remark=worst)
    for name, side, floor in (
        ("worst_raw_ratio", NEW, 0.0),
        ("worst_ratio_to_empty", EMPTY, _FLOOR_SECONDS),
    ):
        others = _ratios(p95, side, floor)
        del others[SEARCH]
        slowest = max(others, key=others.__getitem__)
        report.add(name, others[slowest], remark=slowest)
    report.add("search_p95_s", p95[FULL][SEARCH], remark=f"{search:.1f} times that of a new one")
    report.add("load", os.getloadavg()[1], remark="of the last 5 minutes")
    report.note(
        f"p95 in ms of {rounds} calls each, the databases in turns. `new` has as many runs, and of "
        "all else as much as a page or two can show; `empty` has nothing, so that its pages are "
        f"made faster. A ratio takes {1000 * _FLOOR_SECONDS:g} ms for a p95 that is less; `raw` "
        "does not. A text is looked for in up to 100,000 log records, of which a new database has "
        "few: that call is a figure of its own."
    )
    raw, to_empty = _ratios(p95, NEW, 0.0), _ratios(p95, EMPTY, _FLOOR_SECONDS)
    lines = [
        (
            call,
            *(f"{1000 * p95[side][call]:.1f}" for side in (EMPTY, NEW, FULL)),
            *(f"{each[call]:.2f}" for each in (ratios, raw, to_empty)),
        )
        for call in sorted(ratios, key=ratios.__getitem__, reverse=True)
    ]
    report.note(columns(("call", "empty", "new", "full", "ratio", "raw", "to empty"), lines))


def _ratios(p95: dict[str, dict[str, float]], side: str, floor: float) -> dict[str, float]:
    """Of each call: the full database's p95, in that of a side, which is at least the floor."""
    return {call: full / max(p95[side][call], floor) for call, full in p95[FULL].items()}
