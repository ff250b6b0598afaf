"""A part of a whole in per cent: one rounding for pages, reports, exports and the command line."""

from __future__ import annotations

from typing import Final

_TENTHS: Final = 1000  # of a per cent, in all
_ALL: Final = 100.0


def percent(part: int, whole: int) -> float | None:
    """A part in per cent of a whole, to a tenth; None where there is no whole.

    Rounded down, and what is neither nothing nor all is never shown as 0 or 100: 1012 of 1013 are
    99.9, and 1 of 100,000 is 0.1. A part that is larger than the whole is more than 100.
    """
    if not whole:
        return None
    tenths = part * _TENTHS // whole
    if part > whole:
        return max(tenths, _TENTHS + 1) / 10
    return max(tenths, 1) / 10 if part else 0.0


def in_words(value: float) -> str:
    """The number as text: 0, 100, else with its tenth."""
    return f"{value:.0f}" if value in {0.0, _ALL} else f"{value:.1f}"
