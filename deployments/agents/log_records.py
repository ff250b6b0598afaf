"""An agent's log at the monitor: its records are sent from a thread, and never waited for."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

from blocks.errors import OutsideUnavailable, ProdOpsError

LAST_WORDS_SECONDS: Final = 3.0
"""How long what waits is sent at the end."""
_MOST_WAITING: Final = 2000
_PAUSE_SECONDS: Final = 2.0
_LONGEST: Final = 10_000


class MonitorLog(logging.Handler):
    """Sends log records to a monitor. Those that it cannot hold any more are dropped and counted.

    Their form: fast-monitoring contract section 3.5.
    """

    def __init__(self, send: Callable[[dict[str, Any]], None], app_name: str, name: str) -> None:
        super().__init__(logging.INFO)
        self._send, self._app_name, self._name = send, app_name, name
        self._waiting: queue.Queue[dict[str, Any]] = queue.Queue(_MOST_WAITING)
        self._ending = threading.Event()
        self.dropped = 0
        self._thread = threading.Thread(target=self._run, name="agent-log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Queue the record; nobody waits."""
        try:
            self._waiting.put_nowait(self._row(record))
        except queue.Full:
            self.dropped += 1

    def flush_for(self, seconds: float) -> None:
        """Send what waits, for at most so long; nothing is sent afterwards."""
        self._ending.set()
        self._thread.join(seconds)

    def _run(self) -> None:
        while not (self._ending.is_set() and self._waiting.empty()):
            try:
                row = self._waiting.get(timeout=0.2)
            except queue.Empty:
                continue
            self._deliver(row)

    def _deliver(self, row: dict[str, Any]) -> None:
        """Send a record; it waits while the monitor is away, and is dropped where it is refused."""
        while True:
            try:
                self._send(row)
            except OutsideUnavailable:
                if self._ending.wait(_PAUSE_SECONDS):
                    return
            except ProdOpsError:
                self.dropped += 1
                return
            else:
                return

    def _row(self, record: logging.LogRecord) -> dict[str, Any]:
        message = record.getMessage()
        if record.exc_info:
            message += "\n" + logging.Formatter().formatException(record.exc_info)
        return {
            "app_name": self._app_name,
            "instance_name": self._name,
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelno,
            "levelname": record.levelname,
            "message": message[:_LONGEST] or "(empty)",
            "module": record.module,
            "funcname": record.funcName or "",
            "lineno": record.lineno,
            "process": record.process or 0,
            "thread": record.thread or 0,
            "extra_data": getattr(record, "about", None),
        }


@contextmanager
def at_monitor(
    logger: logging.Logger, send: Callable[[dict[str, Any]], None], app_name: str, name: str
) -> Iterator[None]:
    """Send what the logger takes to a monitor meanwhile, and at the end what waits."""
    handler = MonitorLog(send, app_name, name)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        handler.flush_for(LAST_WORDS_SECONDS)


def to_standard_output(level: int = logging.INFO) -> None:
    """Log to standard output as well, a line each, in UTC."""
    logging.basicConfig(
        level=level, format="%(asctime)sZ %(levelname)s %(message)s", handlers=[_stdout()]
    )
    logging.Formatter.converter = time.gmtime
    logging.getLogger("httpx").setLevel(logging.WARNING)


def _stdout() -> logging.Handler:
    import sys  # noqa: PLC0415

    return logging.StreamHandler(sys.stdout)
