"""A completion report as CSV: a row for each requested path. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any, Final

from flows.common.spreadsheet import cell

_COLUMNS: Final = (
    "path",
    "finding",
    "is_complete",
    "availability",
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
    "requested_by",
)


def table(body: Mapping[str, Any]) -> str:
    """The paths of a report as CSV; nothing in it is a formula to a spreadsheet."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(["campaign", *_COLUMNS, "checked_at"])
    checked = cell(body["evidence"]["checked_at"])
    for path in body["paths"]:
        cells = [cell(path.get(column)) for column in _COLUMNS]
        writer.writerow([cell(body["campaign"]), *cells, checked])
    return out.getvalue()
