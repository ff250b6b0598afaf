"""A completion report as CSV: a row for each requested path. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any, Final

_COLUMNS: Final = (
    "path",
    "finding",
    "is_complete",
    "detector_configs",
    "rules",
    "files",
    "total_files",
    "size_bytes",
    "dids",
    "suggestions",
    "reason",
    "priority",
    "requestor",
    "tasks",
)
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def table(body: Mapping[str, Any]) -> str:
    """The paths of a report as CSV; nothing in it is a formula to a spreadsheet."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(["campaign", *_COLUMNS, "checked_at"])
    checked = _text(body["evidence"]["checked_at"])
    for path in body["paths"]:
        cells = [_text(path[column]) for column in _COLUMNS]
        writer.writerow([_text(body["campaign"]), *cells, checked])
    return out.getvalue()


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return str(value)
    text = " ".join(str(each) for each in value) if isinstance(value, list) else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
