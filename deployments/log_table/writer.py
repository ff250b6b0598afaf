"""The thread that writes a process's log records into the table, in batches.

No code that logs waits for it. It starts with the first record: what forks must have no thread.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Protocol

import structlog
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from blocks.errors import ProdOpsError
from deployments.log_table import rows
from deployments.log_table.buffer import Buffer, Row
from deployments.log_table.rows import Source
from flows.agents import repository
from flows.common.database import make_engine, transaction
from flows.common.database_errors import DatabaseUnavailable, StatementTooSlow


class Store(Protocol):
    """Where rows are written."""

    def write(self, batch: Sequence[Row]) -> None:
        """Write rows in one transaction.

        Raises:
            DatabaseUnavailable: None was written, for now.
        """

    def close(self) -> None:
        """Close what is open; nothing is written afterwards."""


_BATCH_ROWS: Final = 500
_GATHER_SECONDS: Final = 1.0  # a short run needs one connection, at its end, and no thread's time
_LONGEST_PAUSE_SECONDS: Final = 30.0
_BOUND: Final = text(
    "SET LOCAL statement_timeout = '5s'; SET LOCAL idle_in_transaction_session_timeout = '5s'"
)

_log = structlog.get_logger("log table")


class Writer:
    """Writes what `add` is given, from a thread of its own.

    An outage is waited out with growing pauses. A batch that cannot be written for another reason
    is dropped. How many rows were lost is logged, and written, when the table can be written again.

    A commit whose answer was lost is done again: its rows are then in the table twice.
    """

    def __init__(self, store: Store, source: Source, *, buffer: Buffer | None = None) -> None:
        self.source = source
        self._store = store
        self._buffer = Buffer() if buffer is None else buffer  # an empty one is false
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def add(self, row: Row) -> None:
        """Have the row written; what the writing itself logs is not."""
        if threading.current_thread() is self._thread:
            return
        self._buffer.add(row)
        if self._thread is None:
            self._start()

    def close(self, seconds: float) -> None:
        """Write what waits, for at most so long; what is left is counted on the console."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join(seconds)
        if left := len(self._buffer) + self._buffer.take_dropped():
            _log.warning("log records are not in the log table", records=left)

    def _start(self) -> None:
        with self._starting:
            if self._thread is None and not self._ending.is_set():
                self._thread = threading.Thread(target=self._run, name="log-table", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        pause = _GATHER_SECONDS
        while not self._ending.wait(pause):
            pause = _GATHER_SECONDS if self._write() else min(2 * pause, _LONGEST_PAUSE_SECONDS)
        self._write()
        self._store.close()

    def _write(self) -> bool:
        """Write all that waits; gives whether the table could be written."""
        while batch := self._buffer.first(_BATCH_ROWS):
            try:
                self._store.write(batch)
            except (DatabaseUnavailable, StatementTooSlow) as error:
                _log.warning("the log table waits for the database", reason=str(error))
                return False
            except (SQLAlchemyError, ProdOpsError) as error:
                _log.error("log records cannot be written", reason=str(error)[: rows.LONGEST])
                self._buffer.drop(len(batch))
                return False
            self._buffer.remove(len(batch))
            self._say_dropped()
        return True

    def _say_dropped(self) -> None:
        """Log, and have written, how many records were lost."""
        if dropped := self._buffer.take_dropped():
            message = f"{dropped} log records could not be written to the log table"
            _log.warning(message)
            record = logging.LogRecord("", logging.WARNING, __file__, 0, message, None, None)
            self._buffer.add(rows.of_record(self.source, record))


class TableHandler(logging.Handler):
    """Hands the records of `logging` to the writer."""

    def __init__(self, writer: Writer, level: int) -> None:
        super().__init__(level)
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        """Hand it over; a record that cannot be formatted is reported as `logging` does."""
        try:
            self._writer.add(rows.of_record(self._writer.source, record))
        except Exception:  # noqa: BLE001 - as every handler of logging: nobody's work ends by it
            self.handleError(record)


class TableProcessor:
    """Hands structlog's events to the writer; stands after what adds level, time and place."""

    def __init__(self, writer: Writer, level: int) -> None:
        self._writer, self._level = writer, level

    def __call__(
        self, _logger: Any, _method: str, event: structlog.typing.EventDict
    ) -> structlog.typing.EventDict:
        """Hand it over; gives the event as it is shown, without its place."""
        row = rows.of_event(self._writer.source, event)
        if row["level"] >= self._level:
            self._writer.add(row)
        return {name: value for name, value in event.items() if name not in rows.PLACE_NAMES}


@dataclass(frozen=True)
class DatabaseStore:
    """Writes into the database of the settings, and keeps about the newest `keep` rows there.

    Attributes:
        keep: How many rows are kept.
        given: The engine to use, which is closed too; None: one of its own.
    """

    keep: int
    given: Engine | None = None

    def write(self, batch: Sequence[Row]) -> None:
        """Write rows in one transaction.

        Raises:
            DatabaseUnavailable: None was written, for now.
        """
        with transaction(self._engine) as session:
            session.execute(_BOUND)
            repository.store_logs(session, batch, keep=self.keep)

    def close(self) -> None:
        """Close the connection."""
        self._engine.dispose()

    @cached_property
    def _engine(self) -> Engine:
        """Made when the first rows are written: a run's first line does not wait for it."""
        return self.given or make_engine(pool_size=1)
