"""The watchdog of a process, fed by its work: a loop that hangs keeps it from being fed.

No timer feeds it. It is fed when every loop that is followed has completed a round since it was
last; a round that ended in an outage counts. While the database is away or silent, which no limit
of a call may end, it is fed as well.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

_LOOKS: Final = 6  # a period: what is asked may take some seconds to show that it is away


class Watchdog:
    """Knows which loops go on.

    Attributes:
        feed: Feeds the service manager's watchdog.
        period_seconds: How long that waits; None: there is none.
    """

    def __init__(self, period_seconds: float | None) -> None:
        self.feed: Callable[[], None] = lambda: None
        self.period_seconds = period_seconds
        self._loops: set[str] = set()
        self._pending: set[str] = set()
        self._lock = threading.Lock()
        self._fed_at = time.monotonic()

    @contextmanager
    def following(self, loop: str) -> Iterator[Callable[[], None]]:
        """Follow a loop meanwhile; what this gives is called after each of its rounds."""
        with self._lock:
            self._loops.add(loop)
            self._pending.add(loop)
        try:
            yield lambda: self._note(loop)
        finally:
            with self._lock:
                self._loops.discard(loop)
            self._note(loop)

    def excuse(self, is_away: Callable[[], bool]) -> None:
        """Feed also while something outside is away that may hold up every loop.

        Args:
            is_away: Asks; it is only asked where nothing was fed for a third of the period.
        """
        if self.period_seconds is not None:
            threading.Thread(
                target=self._excuse, args=(is_away,), name="watchdog", daemon=True
            ).start()

    def _note(self, loop: str) -> None:
        with self._lock:
            self._pending.discard(loop)
            if self._pending or not self._loops:
                return
            self._pending = set(self._loops)
            self._fed()

    def _fed(self) -> None:
        self._fed_at = time.monotonic()
        if self.period_seconds is not None:
            self.feed()

    def _excuse(self, is_away: Callable[[], bool]) -> None:
        assert self.period_seconds is not None  # noqa: S101 - without one nothing is excused
        pause = threading.Event()
        look_seconds = self.period_seconds / _LOOKS
        while not pause.wait(look_seconds):
            is_late = time.monotonic() - self._fed_at > 2 * look_seconds
            if is_late and is_away():
                self._fed()
