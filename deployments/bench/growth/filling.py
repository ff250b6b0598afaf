"""Filling databases with rows, once: where they are kept, a record says with which."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from typing import Final

from deployments.bench.common.stack import BenchBroken, say
from deployments.bench.growth import rows
from deployments.bench.growth.amounts import Amounts
from deployments.bench.growth.databases import Access, Cluster
from flows.common.database import now

_COPIES: Final = 3  # at a time


@dataclass(frozen=True)
class Filled:
    """How long it took, and how many rows each table of each database was given."""

    seconds: float
    rows: dict[str, dict[str, int]]


def fill(found: Cluster, wanted: Mapping[str, Amounts]) -> Filled:
    """Fill each database with its rows; what was filled earlier is left as it is.

    Raises:
        BenchBroken: It was filled with others.
    """
    amounts = {name: asdict(each) for name, each in wanted.items()}
    if found.record.exists():
        record = json.loads(found.record.read_text())
        if record.pop("amounts") != amounts:
            raise BenchBroken(f"{found.record.parent} has other rows: name another directory")
        return Filled(**record)
    filled = _fill(found, wanted)
    found.record.write_text(json.dumps({"amounts": amounts, **asdict(filled)}))
    return filled


def _fill(found: Cluster, wanted: Mapping[str, Amounts]) -> Filled:
    began, moment = time.monotonic(), now()
    numbers: dict[str, dict[str, int]] = {}
    with found.filling(), ProcessPoolExecutor(_COPIES) as copies:
        for database, amounts in wanted.items():
            names = [table.name for table in rows.tables(amounts, moment)]
            copy = partial(_copy, found.access, database, amounts, moment)
            numbers[database] = {}
            for name, (number, seconds) in zip(names, copies.map(copy, names), strict=True):
                numbers[database][name] = number
                say(f"{database}: {number:,} {name} in {seconds:.0f} s")
    return Filled(time.monotonic() - began, numbers)


def _copy(
    access: Access, database: str, amounts: Amounts, moment: datetime, name: str
) -> tuple[int, float]:
    """Copy a table's rows, in a process of its own; gives their number, and the seconds."""
    began = time.monotonic()
    (table,) = (each for each in rows.tables(amounts, moment) if each.name == name)
    return access.copy(database, table), time.monotonic() - began
