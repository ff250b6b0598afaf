"""Rows of the log table: in the form of the contract, and what they are about."""

from __future__ import annotations

import logging
import os
import sys
from datetime import UTC, datetime

from deployments.log_table import rows
from deployments.log_table.rows import Source

SOURCE = Source(app_name="run", instance_name="here:7", about={"request_id": "41"})
COLUMNS = {
    "app_name", "instance_name", "timestamp", "level", "levelname", "message", "module",
    "funcname", "lineno", "process", "thread", "extra_data",
}  # fmt: skip
EVENT = {"event": "x", "level": "info", "timestamp": "2026-08-01T12:00:00Z"}


def record(message: str, *values: object, **more: object) -> logging.LogRecord:
    made = logging.LogRecord("a", logging.ERROR, "/x/door.py", 12, message, values, None, "open_it")
    made.__dict__.update(more)
    return made


def test_a_record_of_logging_becomes_a_row_of_the_contract_s_columns():
    row = rows.of_record(SOURCE, record("%s is away", "it"))
    assert set(row) == COLUMNS
    assert (row["app_name"], row["instance_name"], row["process"]) == ("run", "here:7", os.getpid())
    assert (row["level"], row["levelname"], row["message"]) == (40, "ERROR", "it is away")
    assert (row["module"], row["funcname"], row["lineno"]) == ("door", "open_it", 12)
    assert datetime.now(UTC) >= row["timestamp"]


def test_a_row_says_what_its_process_and_its_record_are_about():
    row = rows.of_record(SOURCE, record("x", flow_run_id="f", action="check", task_run_id="t"))
    assert row["extra_data"] == {"request_id": "41", "flow_run_id": "f", "action": "check"}
    assert rows.of_record(Source(app_name="web"), record("x"))["extra_data"] is None


def test_an_exception_stands_below_the_message():
    try:
        int("x")
    except ValueError:
        row = rows.of_record(SOURCE, record("it failed", exc_info=sys.exc_info()))
    assert row["message"].startswith("it failed\nTraceback")
    assert row["message"].endswith("literal for int() with base 10: 'x'")


def test_an_event_of_structlog_becomes_a_row_with_its_values_in_words():
    place = {"module": "sweeper", "func_name": "recover", "lineno": 9}
    event = EVENT | {"level": "warning", "request": 7, "reason": "it is away", **place}
    row = rows.of_event(SOURCE, event)
    assert set(row) == COLUMNS
    assert row["message"] == 'x request=7 reason="it is away"'
    assert (row["level"], row["levelname"]) == (30, "WARNING")
    assert (row["module"], row["funcname"], row["lineno"]) == ("sweeper", "recover", 9)
    assert row["extra_data"] == {"request_id": "7"}


def test_what_the_database_cannot_keep_is_written_as_an_escape_and_what_is_long_is_cut():
    row = rows.of_event(SOURCE, EVENT | {"event": "a\x00b" + "x" * 20_000, "flow_run": "\x00"})
    assert row["message"].startswith("a\\x00b")
    assert len(row["message"]) < rows.LONGEST + 10
    assert row["extra_data"]["flow_run_id"] == "\\x00"
