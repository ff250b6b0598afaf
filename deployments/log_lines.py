"""Log lines as JSON: an object a line, with what the log table has of a record.

`timestamp`, `level`, `part`, `instance`, `logger`, `message`; where they are known, `request_id`,
`flow_run_id`, `action`, `task` and `trace_id`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from structlog.typing import EventDict

from deployments.log_table import rows
from deployments.log_table.rows import Source


class JsonRecords(logging.Formatter):
    """Formats the records of `logging`."""

    def __init__(self, source: Source) -> None:
        super().__init__()
        self._source = source

    def format(self, record: logging.LogRecord) -> str:
        """The record as a line."""
        return _line(rows.of_record(self._source, record), record.name)


class JsonEvents:
    """Renders structlog's events; the last of its processors."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def __call__(self, _logger: Any, _method: str, event: EventDict) -> str:
        """The event as a line."""
        return _line(rows.of_event(self._source, event), "")


def _line(row: Mapping[str, Any], logger: str) -> str:
    timestamp = row["timestamp"]
    said = {
        "timestamp": timestamp if isinstance(timestamp, str) else timestamp.isoformat(),
        "level": row["levelname"],
        "part": row["app_name"],
        "instance": row["instance_name"],
        "logger": logger,
        "message": row["message"],
    }
    return json.dumps(
        {name: text for name, text in said.items() if text} | (row["extra_data"] or {})
    )
