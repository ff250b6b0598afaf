"""Which messages have been dealt with, although work on them may end in another order."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Positions:
    """The highest position up to which nothing is under way; threads share it.

    `settled` is called with it whenever it grows.
    """

    settled: Callable[[int], None]
    last: int | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _open: Counter[int] = field(default_factory=Counter)
    _said: int | None = None

    def begin_at(self, position: int | None) -> None:
        """Take it that all up to this position has been dealt with, unless more has come."""
        with self._lock:
            if position is not None and self.last is None:
                self.last = position
                self._say()

    def hold(self, position: int | None) -> None:
        """Begin a piece of work on the message at a position; several may overlap."""
        if position is None:
            return
        with self._lock:
            self._open[position] += 1
            # A monitor with another database numbers anew.
            self.last = position

    def release(self, position: int | None) -> None:
        """End a piece of work on the message at a position."""
        if position is None:
            return
        with self._lock:
            self._open[position] -= 1
            if not self._open[position]:
                del self._open[position]
            self._say()

    def _say(self) -> None:
        settled = min(self._open) - 1 if self._open else self.last
        if settled is not None and settled != self._said:
            self._said = settled
            self.settled(settled)
