"""How the parts log: a line each, in UTC, to standard output, and into the log table.

Source of the table: fast-monitoring contract section 3.5.
"""

from __future__ import annotations

import atexit
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import structlog
from sqlalchemy import Engine
from structlog.typing import Processor

from deployments.log_lines import JsonEvents, JsonRecords
from deployments.log_table.rows import Source, place_adder
from deployments.log_table.writer import DatabaseStore, TableHandler, TableProcessor, Writer
from flows.common.settings import Settings

_FLUSH_SECONDS: Final = 3.0


class _Lines:
    """How structlog's events are written in this process."""

    renderer: Processor = structlog.processors.LogfmtRenderer(
        key_order=["timestamp", "level", "event"]
    )


def configure_logging(settings: Settings | None = None, part: str = "") -> None:
    """Log as lines that people and `grep` read.

    Args:
        settings: Those of the process; None: nothing goes into the log table.
        part: The part that it is, by its name in the log table.
    """
    logging.basicConfig(
        level=logging.INFO,
        stream=sys.stdout,
        format="%(asctime)sZ %(levelname)s %(name)s: %(message)s",
    )
    logging.Formatter.converter = time.gmtime
    logging.getLogger("httpx").setLevel(logging.WARNING)
    if settings is None:
        _configure_structlog()
        return
    source = Source(app_name=part)
    if settings.log.format == "json":
        write_json(source)
    log_into_table(settings, source)


def write_json(source: Source) -> None:
    """Have this process write each log line as a JSON object; its structlog is configured after.

    Prefect's handlers that send records to its API keep their form.
    """
    _Lines.renderer = JsonEvents(source)
    for name in ("", "prefect", "prefect.flow_runs", "prefect.task_runs"):
        for handler in logging.getLogger(name).handlers:
            if isinstance(handler, logging.StreamHandler):
                handler.setFormatter(JsonRecords(source))


def log_into_table(settings: Settings, source: Source, engine: Engine | None = None) -> None:
    """Have every logger of this process write into the log table too, if the settings say so.

    What waits at the process's end is written then, for at most a few seconds.

    Args:
        settings: Those of the process.
        source: Where the records come from.
        engine: The engine to write with, which is closed at the end; None: one of its own.
    """
    level = settings.log_table.minimum
    if level is None or settings.database.url is None:
        _configure_structlog()
        return
    writer = Writer(DatabaseStore(settings.agents.log_rows, engine), source)
    logging.getLogger().addHandler(TableHandler(writer, level))
    _configure_structlog(TableProcessor(writer, level))
    atexit.register(writer.close, _FLUSH_SECONDS)


@contextmanager
def logged_into_table(settings: Settings, source: Source) -> Iterator[None]:
    """Have what is logged meanwhile written into the log table too, if the settings say so.

    For work in the foreground of a process that goes on afterwards.
    """
    level = settings.log_table.minimum
    if level is None or settings.database.url is None:
        _configure_structlog()
        yield
        return
    writer = Writer(DatabaseStore(settings.agents.log_rows), source)
    handler, processor = TableHandler(writer, level), TableProcessor(writer, level)
    logging.getLogger().addHandler(handler)
    _configure_structlog(processor)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
        structlog.get_config()["processors"].remove(processor)  # the loggers that exist have it too
        writer.close(_FLUSH_SECONDS)


def _configure_structlog(into_table: TableProcessor | None = None) -> None:
    to_table: list[Processor] = [place_adder, into_table] if into_table else []
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            *to_table,
            _Lines.renderer,
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
