"""The table of the border's document, and which of its clauses a test tries."""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

DOCUMENT = Path(__file__).parents[4] / "docs/explanation/border.md"
_TABLE = re.compile(r"\| It can \| It cannot \|\n\|[-| ]+\|\n((?:\|.*\|\n)+)")
_BETWEEN = re.compile(r"(?:[\s,;]|\band\b|\bor\b|\balso\b)*")
T = TypeVar("T", bound=Callable[..., object])


class Side(StrEnum):
    """A column of the table."""

    CAN = "can"
    CANNOT = "cannot"


tried: dict[Side, list[str]] = {Side.CAN: [], Side.CANNOT: []}


def tries(side: Side, *clauses: str) -> Callable[[T], T]:
    """Say which clauses of the table, in their words, a test tries."""
    tried[side] += clauses
    return lambda test: test


def cells() -> dict[Side, list[str]]:
    """The cells of each column."""
    [table] = _TABLE.findall(DOCUMENT.read_text())
    rows = [line.strip("|\n").split(" | ") for line in table.splitlines()]
    return {side: [row[place].strip() for row in rows] for place, side in enumerate(Side)}


def untried() -> list[str]:
    """What of the table no test tries."""
    left = []
    for side, texts in cells().items():
        for text in texts:
            for clause in sorted(tried[side], key=len, reverse=True):
                text = text.replace(clause, "")  # noqa: PLW2901
            if not _BETWEEN.fullmatch(text):
                left.append(f"it {side}: {text}")
    return left


def unwritten() -> list[str]:
    """What tests try and the table does not say."""
    found = cells()
    return [
        f"it {side}: {clause}"
        for side, clauses in tried.items()
        for clause in clauses
        if not any(clause in text for text in found[side])
    ]
