"""How long no event is stored, although STFs come all the time."""

from __future__ import annotations

import time

from deployments.bench.common.stack import BenchStack


class Watch:
    """Looks again and again whether a new event is stored.

    Attributes:
        longest: The longest time, in seconds, that there was none.
    """

    def __init__(self, running: BenchStack) -> None:
        self._running = running
        self._newest = running.last_event_id()
        self._since = time.monotonic()
        self.longest = 0.0

    def look(self) -> None:
        """Look once."""
        newest, at = self._running.last_event_id(), time.monotonic()
        self.longest = max(self.longest, at - self._since)
        if newest != self._newest:
            self._newest, self._since = newest, at
