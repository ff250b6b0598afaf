"""How many calls of tools a caller may make: an assistant that loops is told to slow down."""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import StrEnum
from typing import Final

from api.http.rate import Rate
from blocks.errors import Refused
from flows.common.callers import Caller

_MINUTE_SECONDS: Final = 60.0
_MOST_KNOWN: Final = 10_000  # then all begin anew


class Kind(StrEnum):
    """What is counted for itself: a client that lists the tools behind a call is no loop."""

    CALL = "call"
    LIST = "list"
    """Also of prompts, and a prompt."""


class TooManyCalls(Refused):
    """The caller's calls of this minute are used up."""

    def __init__(self, a_minute: int, wait_seconds: float) -> None:
        seconds = max(1, math.ceil(wait_seconds))
        self.details = {"calls_a_minute": a_minute, "retry_after_seconds": seconds}
        super().__init__(
            f"More than {a_minute} calls in a minute, the limit of PRODOPS_MCP_CALLS_A_MINUTE. "
            f"Nothing was done; call again in {seconds} s, and not in a loop."
        )


class CallLimit:
    """Counts the calls of each caller, for one API process."""

    def __init__(self, a_minute: int, rate: Callable[..., Rate] = Rate) -> None:
        """Begin with nobody's calls.

        Args:
            a_minute: How many of each kind a caller has a minute; they may come at once.
            rate: Makes the bucket of a caller.
        """
        self._a_minute = a_minute
        self._rate = rate
        self._rates: dict[tuple[str, str, Kind], Rate] = {}

    def count(self, caller: Caller, kind: Kind = Kind.CALL) -> None:
        """Count a call, or a list.

        Raises:
            TooManyCalls: It is one too many.
        """
        key = (caller.name, caller.service, kind)
        rate = self._rates.get(key)
        if rate is None:
            if len(self._rates) >= _MOST_KNOWN:
                self._rates.clear()
            per_second = self._a_minute / _MINUTE_SECONDS
            rate = self._rates[key] = self._rate(per_second, burst_seconds=_MINUTE_SECONDS)
        if not rate.admits():
            raise TooManyCalls(self._a_minute, rate.wait_seconds)
