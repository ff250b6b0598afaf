"""Rows for people, for pipes and for programs: a table, tab-separated lines, or JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any


def show(
    rows: Sequence[Mapping[str, Any]],
    *,
    columns: Sequence[str],
    as_json: bool = False,
    is_plain: bool = False,
) -> None:
    """Print the rows: JSON if asked, else a table at a terminal, else tab-separated lines."""
    if as_json:
        sys.stdout.write(json.dumps(list(rows), default=_plain) + "\n")
    elif sys.stdout.isatty() and not is_plain:
        _table(rows, columns)
    else:
        for row in rows:
            sys.stdout.write("\t".join(_text(row.get(name)) for name in columns) + "\n")


def _table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    from rich.console import Console  # noqa: PLC0415 - slow to import, and only for people
    from rich.table import Table  # noqa: PLC0415

    table = Table(*columns)
    for row in rows:
        table.add_row(*[_text(row.get(name)) for name in columns])
    Console().print(table)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds")
    if isinstance(value, dict | list):
        return json.dumps(value, default=_plain)
    return " ".join(str(value).split())


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
