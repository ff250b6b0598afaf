"""The legs of the canary's walk, and what they come to. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Leg(StrEnum):
    """A part of the chain that is walked through."""

    MESSAGES = "messages"
    """A message about an STF is sampled; a client of the stream hears of its TFs."""
    REQUESTS = "requests"
    """What is requested over REST is run; a client of the stream hears of its end."""
    LOG = "log"
    """A known job's log is fetched."""
    SWEEP = "sweep"
    """A known campaign, a small one, is swept in Rucio."""
    RUCIO = "rucio"
    """A known dataset is read from Rucio; where none is set, Rucio says who we are."""


class LegState(StrEnum):
    """How a leg, or the walk, came out."""

    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """A service outside did not answer: the chain itself may be well."""
    SKIPPED = "skipped"


@dataclass(frozen=True, kw_only=True)
class Walked:
    """A leg that was walked."""

    leg: Leg
    state: LegState
    seconds: float
    text: str

    def row(self) -> dict[str, Any]:
        """As the result and the events have it."""
        return asdict(self) | {"leg": self.leg.value, "state": self.state.value}


def verdict(walked: Sequence[Walked]) -> LegState:
    """What the walk came to: the worst of its legs, where any was walked at all."""
    states = {each.state for each in walked}
    worst_first = (LegState.FAILED, LegState.UNKNOWN, LegState.PASSED)
    return next((each for each in worst_first if each in states), LegState.SKIPPED)


def reason(walked: Sequence[Walked]) -> str:
    """Which legs did not pass, and why; empty where all did."""
    bad = [each for each in walked if each.state in {LegState.FAILED, LegState.UNKNOWN}]
    return "; ".join(f"{each.leg} {each.state}: {each.text}" for each in bad)
