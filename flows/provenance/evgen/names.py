"""What the parts of an input's path tell: ranges of Q2, and their order. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

PREFIX: Final = "/EVGEN/"
_Q2_FROM: Final = re.compile(r"minQ2=([0-9]+)", re.ASCII)
_Q2_RANGE: Final = re.compile(r"q2_([0-9]+)(?:to|_)([0-9]+)", re.ASCII)


@dataclass(frozen=True)
class Q2:
    """A range of Q2 in GeV2; no `high`: all from `low` on."""

    low: int
    high: int | None = None

    def takes(self, other: Q2) -> bool:
        """Whether the other is what this one asks for (ops contract section 1.10)."""
        return self == other if self.high is not None else other.low >= self.low


def q2_of(part: str) -> Q2 | None:
    """The range that a part tells; None where it tells none."""
    if found := _Q2_FROM.fullmatch(part):
        return Q2(int(found[1]))
    if found := _Q2_RANGE.fullmatch(part):
        return Q2(int(found[1]), int(found[2]))
    return None


def follows(wanted: str, name: str) -> bool:
    """Whether the parts of `wanted` stand in `name` in their order; Q2 by its range."""
    parts = iter(name.split("/"))
    return all(any(_is_meant(each, part) for part in parts) for each in wanted.split("/"))


def _is_meant(wanted: str, part: str) -> bool:
    if wanted == part:
        return True
    asked, told = q2_of(wanted), q2_of(part)
    return asked is not None and told is not None and asked.takes(told)
