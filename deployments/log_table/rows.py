"""Rows of the log table, made of the records of `logging` and of structlog's events.

The columns: fast-monitoring contract section 3.5. What a record is about is in `extra_data`, as
text under the names `request_id`, `flow_run_id`, `action` and `trace_id`, where it is about one.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from structlog.processors import CallsiteParameter

from blocks import tracing
from flows.common.credential_paths import credential_paths
from flows.common.text import kept

LONGEST: Final = 10_000
"""As many characters of a message are kept."""
_LONGEST_VALUE: Final = 1000
_LONGEST_NAME: Final = 100
_LONGEST_PLACE: Final = 255
_ABOUT: Final = {
    "request": "request_id",
    "request_id": "request_id",
    "flow_run": "flow_run_id",
    "flow_run_id": "flow_run_id",
    "action": "action",
    "task_run_name": "task",
}
"""The keys under which our log lines and Prefect's say what they are about."""
_NO_VALUES: Final = frozenset({"event", "level", "timestamp", "exception"})
_PLACE: Final = (CallsiteParameter.MODULE, CallsiteParameter.FUNC_NAME, CallsiteParameter.LINENO)
place_adder: Final = structlog.processors.CallsiteParameterAdder(_PLACE)
"""The processor that says which line logs an event, as :func:`of_event` needs it."""
PLACE_NAMES: Final = frozenset(each.value for each in _PLACE)
"""The keys under which it does."""

_render_values: Final = structlog.processors.LogfmtRenderer()
_format_exception: Final = logging.Formatter().formatException


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where the records of a process come from.

    Attributes:
        app_name: The part.
        instance_name: Which one of them.
        about: What every record of the process is about.
    """

    app_name: str
    instance_name: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}")
    about: Mapping[str, str] = field(default_factory=dict)


def of_record(source: Source, record: logging.LogRecord) -> dict[str, Any]:
    """The row of a record of `logging`."""
    message = record.getMessage()
    if record.exc_info:
        message += "\n" + _format_exception(record.exc_info)
    about = {name: getattr(record, name, None) for name in _ABOUT}
    return _row(source, message, about) | {
        "timestamp": datetime.fromtimestamp(record.created, UTC),
        "level": record.levelno,
        "levelname": record.levelname[:50],
        "module": record.module[:_LONGEST_PLACE],
        "funcname": (record.funcName or "")[:_LONGEST_PLACE],
        "lineno": record.lineno,
    }


def of_event(source: Source, event: Mapping[str, Any]) -> dict[str, Any]:
    """The row of an event of structlog, with the level, the time, and the place that logs it."""
    shown = PLACE_NAMES | _NO_VALUES
    values = {name: value for name, value in event.items() if name not in shown}
    message = str(event.get("event", ""))
    if values:
        message += f" {_render_values(None, '', dict(values))}"
    if event.get("exception"):
        message += f"\n{event['exception']}"
    levelname = str(event["level"]).upper()
    return _row(source, message, values) | {
        "timestamp": event["timestamp"],
        "level": logging.getLevelNamesMapping().get(levelname, logging.NOTSET),
        "levelname": levelname,
        "module": str(event.get("module", ""))[:_LONGEST_PLACE],
        "funcname": str(event.get("func_name", ""))[:_LONGEST_PLACE],
        "lineno": event.get("lineno") or 0,
    }


def _row(source: Source, message: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "app_name": source.app_name[:_LONGEST_NAME],
        "instance_name": source.instance_name[:_LONGEST_NAME],
        "message": kept(credential_paths.without(message)[:LONGEST]),
        "process": os.getpid(),
        "thread": threading.get_ident(),
        "extra_data": {**source.about, **_traced(), **_about(values)} or None,
    }


def _traced() -> dict[str, str]:
    trace = tracing.trace_id()
    return {} if trace is None else {"trace_id": trace}


def _about(values: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: kept(str(values[key])[:_LONGEST_VALUE])
        for key, name in _ABOUT.items()
        if values.get(key) is not None
    }
