"""Pruning of a full database by its usual pieces, while messages, triggers and logs come in."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from sqlalchemy import Engine, text

from deployments.bench.common.stack import BenchBroken, say
from deployments.bench.growth.amounts import DAY_SECONDS, REQUESTS_A_DAY, Amounts
from deployments.bench.growth.measuring import Side
from flows.common.database import now, transaction
from flows.housekeeping import repository
from flows.housekeeping.domain import History, Limit, Pace

_SHARE: Final = 0.05
_TURN_SECONDS: Final = 3.0
_KINDS: Final = (
    History.EVENTS_BEYOND, History.STFS, History.INBOX, History.TALLIES, History.REQUESTS,
    History.LOG_RECORDS, History.NOTIFICATIONS,
)  # fmt: skip
_LAST_ID: Final = text("SELECT max(id) FROM event")


@dataclass
class Pruned:
    """What was deleted, how long each piece took, and how long what came in took meanwhile.

    Attributes:
        rows: Rows that were deleted, of each kind.
        pieces: Seconds of each piece, by kind.
        calm: Seconds of each call of intake while nothing was pruned.
        busy: The same while rows were deleted.
    """

    rows: dict[str, int] = field(default_factory=dict)
    pieces: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    calm: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    busy: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))


def prune(engine: Engine, side: Side, amounts: Amounts, turns: int) -> Pruned:
    """Delete the oldest twentieth of each kind, in turns with none of it.

    Args:
        engine: The ops role's, of the database.
        side: Its web tier, where the calls go.
        amounts: What the database was filled with.
        turns: How many turns of either at most; pruning may be done sooner.

    Raises:
        BenchBroken: An id of an event came again.
    """
    found, limits = Pruned(), _limits(amounts)
    with transaction(engine) as session:
        repository.mark_runs(session, limits[History.STFS], at=now())
    paces = {kind: Pace() for kind in _KINDS}
    last_id = _last_id(engine)
    for turn in range(turns):
        if not paces:
            break
        _take_in(side, found.calm)
        with _pruning(engine, paces, limits, found):
            _take_in(side, found.busy)
        last_id = _later(engine, last_id)
        say(f"pruned {sum(found.rows.values()):,} rows in {turn + 1} turns")
    return found


def _limits(amounts: Amounts) -> dict[History, Limit]:
    share = 1 - _SHARE
    of_requests = timedelta(seconds=amounts.requests * share * DAY_SECONDS / REQUESTS_A_DAY)
    of_logs = timedelta(days=14 * share)
    limits = dict.fromkeys(_KINDS, Limit(now() - of_requests))
    return limits | {
        History.EVENTS_BEYOND: Limit(now(), int(amounts.events * share)),
        History.STFS: Limit(now() - timedelta(days=14), int(amounts.tfs * share)),
        History.LOG_RECORDS: Limit(now() - of_logs),
    }


@contextmanager
def _pruning(
    engine: Engine, paces: dict[History, Pace], limits: dict[History, Limit], found: Pruned
) -> Iterator[None]:
    """Delete pieces of each kind in turn, as the nightly pruning does, until the block ends."""
    ended = threading.Event()

    def work() -> None:
        while paces and not ended.is_set():
            for kind, pace in list(paces.items()):
                if ended.wait(pace.rest_seconds):
                    return
                began = time.monotonic()
                with transaction(engine) as session:
                    rows = repository.delete_piece(session, kind, limits[kind], rows=pace.rows)
                seconds = time.monotonic() - began
                pace.note(seconds)
                found.pieces[kind].append(seconds)
                found.rows[kind] = found.rows.get(kind, 0) + (rows or 0)
                if rows is None:
                    del paces[kind]

    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(work)
        try:
            yield
        finally:
            ended.set()
        job.result()


def _take_in(side: Side, taken: dict[str, list[float]]) -> None:
    deadline = time.monotonic() + _TURN_SECONDS
    while time.monotonic() < deadline:
        for call in side.places.intake():
            taken[call.name].append(side.seconds(call))


def _last_id(engine: Engine) -> int:
    with transaction(engine) as session:
        return int(session.scalar(_LAST_ID) or 0)


def _later(engine: Engine, last_id: int) -> int:
    """The newest id, which is later than an earlier one, since events came.

    Raises:
        BenchBroken: It is not.
    """
    found = _last_id(engine)
    if found <= last_id:
        raise BenchBroken(f"after event {last_id} came event {found}")
    return found
