"""How long to wait before what did not answer is tried again."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class BackOff:
    """Pauses that double from the first to the longest, each shortened by up to a half."""

    first_seconds: float = 1.0
    longest_seconds: float = 30.0

    def pause_seconds(self, failures: int) -> float:
        """Give the pause after so many failures in a row, counted from one."""
        doublings = min(max(failures - 1, 0), 60)
        longest = min(self.longest_seconds, self.first_seconds * 2.0**doublings)
        # Clients that lost the same server must not come back in the same instant.
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, guards nothing
