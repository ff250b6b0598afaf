"""Bench `year`: pages and intake with what the shipped defaults keep, beside an empty database."""

from __future__ import annotations

import time
from collections import defaultdict
from contextlib import ExitStack
from typing import Final

import httpx

from deployments.bench.common.figures import Report, at_most, columns, percentile
from deployments.bench.common.stack import BenchBroken, say
from deployments.bench.growth import rows
from deployments.bench.growth.amounts import Amounts
from deployments.bench.growth.databases import Cluster, cluster, web_tier
from deployments.bench.growth.places import Call, Places
from flows.common.database import now

_ROUNDS: Final = 40
_WARM_UP: Final = 3
_FLOOR_SECONDS: Final = 0.010
_MOST: Final = 1.5
_MIB: Final = 1 << 20

Seconds = defaultdict[str, list[float]]


def run(*, scale: float = 1.0, rounds: int = _ROUNDS) -> Report:
    """Measure; about half an hour at full scale."""
    report = Report("year")
    amounts = Amounts.scaled(scale)
    with cluster() as (found, token):
        _fill(found, amounts, report)
        with ExitStack() as opened:
            sides = {
                name: opened.enter_context(web_tier(found.stack, database, token))
                for name, database in (("empty", found.empty), ("full", found.full))
            }
            taken = _measure(sides, Places(amounts), rounds)
        _conclude(report, taken, rounds)
    return report


def _fill(found: Cluster, amounts: Amounts, report: Report) -> None:
    began, moment = time.monotonic(), now()
    numbers = {}
    with found.filling():
        for table in rows.tables(amounts, moment):
            at = time.monotonic()
            numbers[table.name] = found.copy(table)
            say(f"{numbers[table.name]:,} {table.name} in {time.monotonic() - at:.0f} s")
    report.add("seed_s", time.monotonic() - began)
    sizes = found.sizes()
    report.add("rows", sum(numbers.values()))
    report.add("disk_mib", sum(sizes.values()) / _MIB)
    lines = [
        (name, f"{number:,}", f"{sizes[name] / _MIB:,.0f}", f"{sizes[name] / max(number, 1):.0f}")
        for name, number in numbers.items()
    ]
    report.note(columns(("table", "rows", "MiB", "bytes a row"), lines))


def _measure(
    sides: dict[str, httpx.Client], places: Places, rounds: int
) -> dict[str, Seconds]:
    """Seconds of each call at each side, which take turns."""
    taken: dict[str, Seconds] = {name: defaultdict(list) for name in sides}
    for number in range(_WARM_UP + rounds):
        for call in places.calls():
            for name, client in sides.items():
                seconds = _timed(client, call)
                if number >= _WARM_UP:
                    taken[name][call.name].append(seconds)
    return taken


def _timed(client: httpx.Client, call: Call) -> float:
    began = time.perf_counter()
    if call.is_intake:
        answer = client.post(call.path, json=call.body)
    else:
        answer = client.get(call.path)
    seconds = time.perf_counter() - began
    if answer.status_code not in call.statuses:
        raise BenchBroken(f"{call.name}: {answer.status_code} {answer.text[:200]}")
    return seconds


def _conclude(report: Report, taken: dict[str, Seconds], rounds: int) -> None:
    p95 = {
        name: {call: percentile(each, 95) for call, each in times.items()}
        for name, times in taken.items()
    }
    ratios = {
        call: full / max(p95["empty"][call], _FLOOR_SECONDS) for call, full in p95["full"].items()
    }
    worst = max(ratios, key=ratios.__getitem__)
    report.add("worst_ratio", ratios[worst], at_most(_MOST), remark=worst)
    raw = {call: full / p95["empty"][call] for call, full in p95["full"].items()}
    report.add("worst_raw_ratio", max(raw.values()), remark=max(raw, key=raw.__getitem__))
    lines = [
        (
            call,
            f"{1000 * p95['empty'][call]:.1f}",
            f"{1000 * p95['full'][call]:.1f}",
            f"{ratios[call]:.2f}",
            f"{raw[call]:.2f}",
        )
        for call in sorted(ratios, key=ratios.__getitem__, reverse=True)
    ]
    report.note(
        f"p95 in ms of {rounds} calls each, empty and full in turns; the ratio takes 10 ms for an "
        "empty database's p95 that is less."
    )
    report.note(columns(("call", "empty", "full", "ratio", "raw"), lines))
