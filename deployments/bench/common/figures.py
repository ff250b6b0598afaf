"""What a bench found: each figure with its target and whether it is met, as table and as JSON."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from deployments.bench.common.machine import machine

_DECIMALS: Final = 4


class NoMeasurements(ValueError):
    """There is nothing to take a median or a percentile of."""


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least `percent` of the values do not exceed (nearest rank).

    Raises:
        NoMeasurements: There are no values.
    """
    if not values:
        raise NoMeasurements("no measurement was taken")
    ordered = sorted(values)
    rank = math.ceil(percent / 100 * len(ordered))
    return ordered[min(max(rank, 1), len(ordered)) - 1]


def median(values: Sequence[float]) -> float:
    """The middle value, or the mean of the two.

    Raises:
        NoMeasurements: There are no values.
    """
    if not values:
        raise NoMeasurements("no measurement was taken")
    return statistics.median(values)


def span(values: Sequence[float]) -> str:
    """How many values there are, and from where to where they reach, as a remark."""
    return f"n={len(values)}, {min(values):.3f} to {max(values):.3f} s"


@dataclass(frozen=True)
class Target:
    """What a figure must reach: at most a limit, or at least one."""

    limit: float
    is_least: bool = False

    def is_met(self, value: float) -> bool:
        """Whether the value reaches it."""
        return value >= self.limit if self.is_least else value <= self.limit

    def __str__(self) -> str:
        return f"{'at least' if self.is_least else 'at most'} {self.limit:g}"


def at_most(limit: float) -> Target:
    """The target of a figure that is good when small."""
    return Target(limit)


def at_least(limit: float) -> Target:
    """The target of a figure that is good when large."""
    return Target(limit, is_least=True)


@dataclass(frozen=True)
class Figure:
    """One measured number; its unit is the end of its name (`_s`, `_mib`), else a count.

    It is None where it could not be measured, which its remark then explains.
    """

    name: str
    value: float | None
    target: Target | None = None
    remark: str = ""

    @property
    def verdict(self) -> str:
        """Whether the target is met, in words."""
        if self.target is None or self.value is None:
            return ""
        return "met" if self.target.is_met(self.value) else "MISSED"


@dataclass
class Report:
    """A bench's figures, the notes on how they were taken, and the machine."""

    bench: str
    machine: dict[str, Any] = field(default_factory=machine)
    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(
        self, name: str, value: float | None, target: Target | None = None, *, remark: str = ""
    ) -> None:
        """Add a figure."""
        self.figures.append(Figure(name, value, target, remark))

    def add_median(self, name: str, values: Sequence[float], target: Target | None = None) -> None:
        """Add the median of some seconds as a figure, with their span as its remark."""
        self.add(name, median(values), target, remark=span(values))

    @property
    def is_met(self) -> bool:
        """Whether every target is met."""
        return all(each.verdict in {"", "met"} for each in self.figures)

    def note(self, text: str) -> None:
        """Add a note, which may be a table of several lines."""
        self.notes.append(text)

    def as_json(self) -> str:
        """The report as one line of JSON."""
        figures = {
            figure.name: None if figure.value is None else _rounded(figure.value)
            for figure in self.figures
        }
        return json.dumps({"bench": self.bench, "figures": figures, "machine": self.machine})

    def as_text(self) -> str:
        """The report for people."""
        rows = [
            (
                figure.name,
                "" if figure.value is None else f"{_rounded(figure.value):g}",
                str(figure.target or ""),
                figure.verdict,
                figure.remark,
            )
            for figure in self.figures
        ]
        machine = ", ".join(f"{name} {value}" for name, value in self.machine.items())
        table = columns(("figure", "value", "target", "", ""), rows)
        return "\n".join([f"bench {self.bench}", table, *self.notes, f"machine: {machine}"])


def columns(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Text in aligned columns, under a header."""
    lines = [tuple(header), *[tuple(row) for row in rows]]
    widths = [max(len(line[index]) for line in lines) for index in range(len(header))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _rounded(value: float) -> float:
    return value if isinstance(value, int) else round(value, _DECIMALS)
