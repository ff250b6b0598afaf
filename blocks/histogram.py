"""Durations counted by their length, as Prometheus' histograms have them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final

BOUNDS: Final = (
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
)  # fmt: skip
"""Upper bounds of the buckets in seconds, for what takes milliseconds to a minute."""


@dataclass
class Histogram:
    """How often something took how long.

    Attributes:
        bounds: The upper bounds of the buckets, in seconds; what takes longer has a last one.
        counts: How often, by bucket: one more than there are bounds.
        seconds: The sum of all.
    """

    bounds: Sequence[float] = BOUNDS
    counts: list[int] = field(default_factory=list)
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self.counts = self.counts or [0] * (len(self.bounds) + 1)

    def observe(self, seconds: float) -> None:
        """Count one."""
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.seconds += seconds

    @property
    def number(self) -> int:
        """How many were counted."""
        return sum(self.counts)

    def cumulated(self) -> list[tuple[str, int]]:
        """The buckets as Prometheus wants them: each upper bound, and how many are not above it."""
        names = [*(f"{bound:g}" for bound in self.bounds), "+Inf"]
        return list(zip(names, accumulate(self.counts), strict=True))
