"""How much is taken in a second of what anybody may send."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

_BURST_SECONDS: Final = 2.0


class Rate:
    """A token bucket: so many a second, and what the seconds of a burst give at once."""

    def __init__(
        self,
        per_second: float,
        clock: Callable[[], float] = time.monotonic,
        *,
        burst_seconds: float = _BURST_SECONDS,
    ) -> None:
        self._per_second = per_second
        self._most = max(1.0, per_second * burst_seconds)
        self._left = self._most
        self._clock = clock
        self._at = clock()

    @property
    def wait_seconds(self) -> float:
        """How long until one more is taken; 0: it is taken now."""
        self._refill()
        return max(0.0, 1 - self._left) / self._per_second

    def admits(self) -> bool:
        """Whether one more is taken now; it counts then."""
        self._refill()
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def _refill(self) -> None:
        at = self._clock()
        self._left = min(self._most, self._left + (at - self._at) * self._per_second)
        self._at = at
