"""Values as cells of a CSV that people open in a spreadsheet."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def cell(value: Any) -> str:
    """A value as text, which no spreadsheet takes for a formula.

    None is empty, a truth value yes or no; the parts of a list stand side by side.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    text = " ".join(str(each) for each in value) if isinstance(value, list) else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
