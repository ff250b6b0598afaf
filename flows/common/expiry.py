"""How near the end of a credential is: the same for pages, events and the doctor. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

EXPIRED: Final = 0.0
"""The threshold, in days, of what has expired."""
_DAY: Final = timedelta(days=1)
_HOUR: Final = timedelta(hours=1)


def crossed(not_after: datetime, at: datetime, thresholds_days: Iterable[float]) -> float | None:
    """The nearest threshold, in days before the end, that is behind us; None: none is yet.

    Args:
        not_after: When the credential ends.
        at: Now.
        thresholds_days: Days before the end; that of the end itself always counts.
    """
    left = not_after - at
    behind = [days for days in (*thresholds_days, EXPIRED) if left <= timedelta(days=days)]
    return min(behind, default=None)


def ends(not_after: datetime | None, at: datetime, *, is_renewed: bool) -> bool:
    """Whether its end counts: not of what is renewed by itself, unless that was not done in time.

    Args:
        not_after: When it ends; None: never, or nobody knows.
        at: Now.
        is_renewed: Whether that is said to be done without anybody's doing.
    """
    return not_after is not None and (not is_renewed or not_after <= at)


def in_words(not_after: datetime, at: datetime) -> str:
    """When it ends or has ended, and how long that is from now."""
    verb = "expires" if not_after > at else "expired"
    amount = _amount(abs(not_after - at))
    how_long = f"in {amount}" if not_after > at else f"{amount} ago"
    return f"it {verb} at {not_after:%Y-%m-%d %H:%M} UTC, {how_long}"


def _amount(length: timedelta) -> str:
    if length >= 2 * _DAY:
        return f"{length / _DAY:.0f} days"
    if length >= 2 * _HOUR:
        return f"{length / _HOUR:.0f} hours"
    return f"{length / timedelta(minutes=1):.0f} minutes"
