"""Numbers and times in words, as the pages show them; `static/words.js` says the same."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Final

from flows.common.percent import in_words, percent

ABSENT: Final = "–"  # noqa: RUF001 - what a table shows where there is nothing
_UNITS: Final = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
_STEP: Final = 1000
_WHOLE: Final = 100


def count(value: int) -> str:
    """A count with narrow spaces between thousands."""
    return f"{value:,}".replace(",", "\u202f")


def volume(size_bytes: int | None) -> str:
    """Bytes in the unit that people would choose (powers of 1000)."""
    if size_bytes is None:
        return ABSENT
    value, unit = float(size_bytes), 0
    while value >= _STEP and unit < len(_UNITS) - 1:
        value, unit = value / _STEP, unit + 1
    return f"{value:.0f}\u202f{_UNITS[0]}" if unit == 0 else f"{_short(value)}\u202f{_UNITS[unit]}"


def share(part: int, whole: int) -> str:
    """A part in per cent of the whole."""
    value = percent(part, whole)
    return f"{in_words(value)}\u202f%" if value is not None else ABSENT


def rate(per_second: float) -> str:
    """A rate per second."""
    return f"{_short(per_second)}/s"


def clock(at: datetime | None) -> str:
    """A time in UTC, to the second."""
    return at.strftime("%Y-%m-%d %H:%M:%S") if at is not None else ABSENT


def moment_of(moment: datetime | None, at: datetime) -> str:
    """A time, with its day where that is not the day of `at`."""
    return clock(moment).removeprefix(f"{at:%Y-%m-%d} ")


def setting(value: object) -> str:
    """A value of a configuration, as people read it."""
    if value in (None, ""):
        return ABSENT
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def lasted(seconds: float | None) -> str:
    """A duration: `0.42 s`, `12.3 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds is None:
        return ABSENT
    if seconds < 60:  # noqa: PLR2004
        return f"{_short(seconds)}\u202fs"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}\u202fh {minutes}\u202fmin" if hours else f"{minutes}\u202fmin {rest}\u202fs"


def waited(seconds: float) -> str:
    """A duration that is still growing, in whole seconds: `12 s`, `3 min 20 s`."""
    whole = max(0, int(seconds))
    return lasted(whole) if whole >= 60 else f"{whole}\u202fs"  # noqa: PLR2004


def _short(value: float) -> str:
    """Three digits or so: 0.42, 12.3, 123."""
    if value >= _WHOLE or value == 0:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"  # noqa: PLR2004
