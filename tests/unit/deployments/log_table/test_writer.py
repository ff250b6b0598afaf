"""The writing of log records: in batches, through an outage, never into itself, ended in time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from sqlalchemy.exc import SQLAlchemyError

from deployments.log_table import writer as module
from deployments.log_table.buffer import Buffer, Row
from deployments.log_table.rows import Source
from deployments.log_table.writer import TableHandler, TableProcessor, Writer
from flows.common.database_errors import DatabaseUnavailable, StatementTooSlow
from tests.waiting import PATIENCE, wait_until


class Table:
    """What was written, in batches; `failures` are raised first."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.batches: list[list[str]] = []
        self.is_closed = False

    def write(self, batch: Sequence[Row]) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.batches.append([row["message"] for row in batch])

    def close(self) -> None:
        self.is_closed = True

    @property
    def messages(self) -> list[str]:
        return [each for batch in self.batches for each in batch]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_GATHER_SECONDS", 0.001)
    monkeypatch.setattr(module, "_LONGEST_PAUSE_SECONDS", 0.002)


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    made = logging.getLogger("prodops.log_table_test")
    made.propagate = False
    made.setLevel(logging.DEBUG)
    yield made
    made.handlers.clear()


def writer_of(table: Any, **more: Any) -> Writer:
    return Writer(table, Source(app_name="web"), **more)


def test_no_thread_is_started_before_the_first_record():
    writer = writer_of(Table())
    assert writer._thread is None
    writer.close(PATIENCE)


def test_what_waits_is_written_in_order_and_in_batches_when_it_ends(logger, monkeypatch):
    monkeypatch.setattr(module, "_GATHER_SECONDS", PATIENCE)
    monkeypatch.setattr(module, "_BATCH_ROWS", 2)
    writer = writer_of(table := Table())
    logger.addHandler(TableHandler(writer, logging.INFO))
    for number in range(5):
        logger.info("%d", number)
        logger.debug("not wanted")
    writer.close(PATIENCE)
    assert table.batches == [["0", "1"], ["2", "3"], ["4"]]
    assert table.is_closed


def test_an_outage_is_waited_out_and_what_had_no_room_meanwhile_is_counted(logger):
    gate = threading.Event()

    class Away(Table):
        def write(self, batch: Sequence[Row]) -> None:
            if not gate.is_set():
                raise DatabaseUnavailable("away")
            super().write(batch)

    writer = writer_of(table := Away(), buffer=Buffer(most_rows=3))
    logger.addHandler(TableHandler(writer, logging.INFO))
    for number in range(5):
        logger.info("%d", number)
    gate.set()
    wait_until(lambda: len(table.messages) == 4)
    writer.close(PATIENCE)
    assert table.messages == [
        "0", "1", "2", "2 log records could not be written to the log table",
    ]  # fmt: skip


def test_a_table_that_is_slow_or_locked_is_written_later():
    writer = writer_of(table := Table(StatementTooSlow("locked")))
    handler = TableHandler(writer, logging.INFO)
    handler.handle(logging.LogRecord("a", logging.INFO, "", 0, "x", None, None))
    wait_until(lambda: table.messages == ["x"])
    writer.close(PATIENCE)


def test_a_batch_that_cannot_be_written_for_good_is_dropped_and_counted(logger):
    writer = writer_of(table := Table(SQLAlchemyError("no such column")))
    logger.addHandler(TableHandler(writer, logging.INFO))
    logger.info("lost")
    wait_until(lambda: not table.failures and not len(writer._buffer))
    logger.info("kept")
    writer.close(PATIENCE)
    assert table.messages == ["kept", "1 log records could not be written to the log table"]


def test_what_the_writing_itself_logs_is_not_written(logger):
    class Loud(Table):
        def write(self, batch: Sequence[Row]) -> None:
            logger.warning("connecting")
            super().write(batch)

    writer = writer_of(table := Loud())
    logger.addHandler(TableHandler(writer, logging.INFO))
    logger.info("x")
    writer.close(PATIENCE)
    assert table.messages == ["x"]


def test_a_database_that_hangs_holds_up_neither_who_logs_nor_the_end(logger, capsys):
    gate = threading.Event()

    class Hanging(Table):
        def write(self, batch: Sequence[Row]) -> None:
            gate.wait(PATIENCE)

    writer = writer_of(Hanging())
    logger.addHandler(TableHandler(writer, logging.INFO))
    logger.info("x")
    writer.close(0.01)
    assert "log records are not in the log table" in capsys.readouterr().out
    gate.set()


def test_a_record_that_cannot_be_formatted_ends_nobody_s_work(capsys):
    writer = writer_of(table := Table())
    handler = TableHandler(writer, logging.INFO)
    for values in (("%d", "x"), ("%s", "y")):
        handler.handle(logging.LogRecord("a", logging.INFO, "", 0, *values, None))
    writer.close(PATIENCE)
    assert table.messages == ["y"]
    assert "Logging error" in capsys.readouterr().err


def test_the_console_shows_an_event_without_the_place_that_the_table_keeps():
    writer = writer_of(table := Table())
    to_table = TableProcessor(writer, logging.WARNING)
    event = {"event": "x", "timestamp": "2026-08-01T12:00:00Z", "module": "m", "lineno": 1}
    shown = [to_table(None, "", event | {"level": level}) for level in ("info", "warning")]
    writer.close(PATIENCE)
    assert [sorted(each) for each in shown] == [["event", "level", "timestamp"]] * 2
    assert table.messages == ["x"]
