"""Calls to outside services, counted by system and outcome in this process.

A run is a forked child: it counts in memory that it shares with its guardian, so that what it did
is known however it ends, and costs no statement.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, MutableSequence, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from typing import Any, Final, NamedTuple, Self

from blocks import tracing
from blocks.errors import EffectUnknown, NotFound, OutsideUnavailable, ProdOpsError
from blocks.histogram import BOUNDS, Histogram
from blocks.tracing import SpanKind


class System(StrEnum):
    """An outside service."""

    PANDA = "panda"
    PANDA_ISSUER = "panda_issuer"
    PRUN = "prun"
    PCS = "pcs"
    RUCIO = "rucio"
    RUCIO_LOGS = "rucio_logs"
    RUCIO_PRODUCED = "rucio_produced"
    XROOTD = "xrootd"
    BROKER = "broker"
    PREFECT = "prefect"
    MAIL = "mail"
    CHANNEL = "channel"


class CallOutcome(StrEnum):
    """How a call ended."""

    OK = "ok"
    NOT_FOUND = "not_found"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    """It may have had its effect: nobody knows."""
    TIMEOUT = "timeout"
    UNAVAILABLE = "unavailable"
    ERROR = "error"
    """By an error that is not declared."""


DIRECTIONS: Final = ("received", "sent")
_CELLS: Final = len(BOUNDS) + 2  # of a system and outcome: the buckets, and the seconds
_PLACES: Final = {key: number * _CELLS for number, key in enumerate(product(System, CallOutcome))}
_LATE: Final = ("Timeout", "TimeoutError", "Stalled")
SIZE_BYTES: Final = 8 * _CELLS * len(_PLACES)
"""Of the memory that all counts take, as C doubles."""


class CallRow(NamedTuple):
    """Calls of one system and outcome; `counts`: by bucket of :data:`blocks.histogram.BOUNDS`."""

    system: str
    outcome: str
    counts: Sequence[int]
    seconds: float

    @classmethod
    def read(cls, row: Any) -> Self | None:
        """The row as another process wrote it; None where this version does not know its like.

        Raises:
            TypeError, ValueError: It is no such row.
        """
        system, outcome, counts, seconds = row
        if (System(system), CallOutcome(outcome)) not in _PLACES or len(counts) != _CELLS - 1:
            return None
        return cls(str(system), str(outcome), [int(each) for each in counts], float(seconds))

    @property
    def times(self) -> Histogram:
        """The calls as a histogram."""
        return Histogram(BOUNDS, list(self.counts), self.seconds)


class OutsideCalls:
    """The counts of one process; threads may share them."""

    def __init__(self, cells: MutableSequence[float] | None = None) -> None:
        self._cells: MutableSequence[float] | memoryview[float]
        self._cells = [0.0] * (SIZE_BYTES // 8) if cells is None else cells
        self._lock = threading.Lock()

    def share(self, memory: memoryview) -> None:
        """Count in this memory from now on, anew: of `SIZE_BYTES`, all zero."""
        with self._lock:
            self._cells = memory.cast("d")

    def count(self, system: System, outcome: CallOutcome, seconds: float) -> None:
        """Count a call."""
        times = Histogram()
        times.observe(seconds)
        self.add([CallRow(system, outcome, times.counts, seconds)])

    def add(self, rows: Sequence[CallRow]) -> None:
        """Add what another process has counted."""
        with self._lock:
            for row in rows:
                place = _PLACES[System(row.system), CallOutcome(row.outcome)]
                for number, value in enumerate((*row.counts, row.seconds), start=place):
                    self._cells[number] += value

    def rows(self) -> list[CallRow]:
        """The systems and outcomes of which there was any."""
        with self._lock:
            return [
                CallRow(system.value, outcome.value, counts, seconds)
                for (system, outcome), place in _PLACES.items()
                for *cells, seconds in [self._cells[place : place + _CELLS]]
                if any(counts := [int(each) for each in cells])
            ]


def read(memory: memoryview) -> list[CallRow]:
    """What another process has counted in this memory, which it shares with us."""
    with memory.cast("d") as cells:
        return OutsideCalls([float(each) for each in cells]).rows()


calls = OutsideCalls()
"""What this process has counted."""
_messages: dict[str, int] = dict.fromkeys(DIRECTIONS, 0)


def count_message(direction: str) -> None:
    """Count a message of the bus."""
    _messages[direction] += 1


def messages() -> dict[str, int]:
    """How many messages of the bus this process has received and sent."""
    return dict(_messages)


@dataclass
class Call:
    """A call that is under way.

    Attributes:
        outcome: How it ends, where that is no error.
    """

    outcome: CallOutcome = CallOutcome.OK


@contextmanager
def counted(system: System) -> Iterator[Call]:
    """Count the call that the block makes."""
    call, began = Call(), time.perf_counter()
    try:
        with tracing.span(system, SpanKind.CLIENT):
            yield call
    except Exception as error:
        call.outcome = outcome_of(error)
        raise
    finally:
        calls.count(system, call.outcome, time.perf_counter() - began)


def outcome_of(error: BaseException) -> CallOutcome:
    """How a call ended that raised the error."""
    if isinstance(error, NotFound):
        return CallOutcome.NOT_FOUND
    if isinstance(error, OutsideUnavailable):
        is_late = any(_is_timeout(each) for each in _causes(error))
        return CallOutcome.TIMEOUT if is_late else CallOutcome.UNAVAILABLE
    if isinstance(error, EffectUnknown):
        return CallOutcome.UNKNOWN
    if isinstance(error, ProdOpsError):
        return CallOutcome.REFUSED
    return CallOutcome.ERROR


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__


def _is_timeout(error: BaseException) -> bool:
    # httpx's, requests' and the adapters' own are named so, and not all are of one class.
    return isinstance(error, TimeoutError) or type(error).__name__.endswith(_LATE)
