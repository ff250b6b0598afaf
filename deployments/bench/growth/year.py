"""Bench `year`: pages and intake with what the shipped defaults keep, beside a new database."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from typing import Final

import httpx

from deployments.bench.common.figures import Report, at_most, columns, percentile
from deployments.bench.common.stack import BenchBroken, say
from deployments.bench.growth import rows
from deployments.bench.growth.amounts import (
    DAY_SECONDS,
    EVENTS_AN_STF,
    REQUESTS_A_DAY,
    STFS_A_SECOND,
    TFS_AN_STF,
    Amounts,
)
from deployments.bench.growth.databases import Access, Cluster, cluster, web_tier
from deployments.bench.growth.places import SEARCH, Call, Places
from flows.common.database import now

_COPIES: Final = 3  # at a time
_ROUNDS: Final = 40
_WARM_UP: Final = 3
_FLOOR_SECONDS: Final = 0.010
_MOST: Final = 1.5
_MIB: Final = 1 << 20

Seconds = defaultdict[str, list[float]]


EMPTY: Final = "empty"
NEW: Final = "new"
FULL: Final = "full"


def run(*, scale: float = 1.0, rounds: int = _ROUNDS) -> Report:
    """Measure; about half an hour at full scale."""
    report = Report("year")
    amounts = {NEW: Amounts.of_a_day(), FULL: Amounts.scaled(scale)}
    with cluster(EMPTY, NEW, FULL) as (found, token):
        _fill(found, amounts, report)
        with ExitStack() as opened:
            sides = {
                name: (
                    opened.enter_context(web_tier(found.stack, name, token)),
                    Places(amounts.get(name, amounts[FULL])),
                )
                for name in found.databases
            }
            taken = _measure(sides, rounds)
        _conclude(report, taken, rounds)
    return report


def _fill(found: Cluster, amounts: dict[str, Amounts], report: Report) -> None:
    began, moment = time.monotonic(), now()
    numbers = {}
    with found.filling(), ProcessPoolExecutor(_COPIES) as copies:
        for database, wanted in amounts.items():
            names = [table.name for table in rows.tables(wanted, moment)]
            copy = partial(_copy, found.access, database, wanted, moment)
            for name, (number, seconds) in zip(names, copies.map(copy, names), strict=True):
                numbers[name] = number
                say(f"{database}: {number:,} {name} in {seconds:.0f} s")
    report.add("seed_s", time.monotonic() - began)
    sizes = found.sizes(FULL)
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


def _copy(
    access: Access, database: str, amounts: Amounts, moment: datetime, name: str
) -> tuple[int, float]:
    """Copy a table's rows, in a process of its own; gives their number, and the seconds."""
    began = time.monotonic()
    (table,) = (each for each in rows.tables(amounts, moment) if each.name == name)
    return access.copy(database, table), time.monotonic() - began


def _measure(sides: dict[str, tuple[httpx.Client, Places]], rounds: int) -> dict[str, Seconds]:
    """Seconds of each call at each side, which take turns."""
    taken: dict[str, Seconds] = {name: defaultdict(list) for name in sides}
    for number in range(_WARM_UP + rounds):
        calls = {name: places.calls() for name, (_, places) in sides.items()}
        for place in range(len(calls[FULL])):
            for name, (client, _) in sides.items():
                seconds = _timed(client, calls[name][place])
                if number >= _WARM_UP:
                    taken[name][calls[FULL][place].name].append(seconds)
    return taken


def _timed(client: httpx.Client, call: Call) -> float:
    began = time.perf_counter()
    method = "POST" if call.is_intake else "GET"
    answer = client.request(method, call.path, json=call.body)
    seconds = time.perf_counter() - began
    if answer.status_code not in call.statuses:
        raise BenchBroken(f"{call.name}: {answer.status_code} {answer.text[:200]}")
    return seconds


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
