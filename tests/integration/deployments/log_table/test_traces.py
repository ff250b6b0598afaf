"""Log records say of which trace they are: in the log table, and in lines of JSON."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
from sqlalchemy import select

from blocks import tracing
from blocks.tracing import SpanKind
from deployments.log_lines import JsonEvents, JsonRecords
from deployments.log_table import rows
from deployments.log_table.rows import Source
from deployments.log_table.writer import DatabaseStore, TableHandler, Writer
from flows.agents.models import AppLog
from flows.common.database import transaction
from tests.databases import Database
from tests.trace_receiver import trace_receiver

pytestmark = pytest.mark.integration

SOURCE = Source(app_name="run", about={"request_id": "41"})
EVENT = {"event": "x", "level": "info", "timestamp": "2026-08-01T12:00:00Z"}
PARENT = f"00-{'5' * 32}-{'b' * 16}-01"


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    made = logging.getLogger("of a traced test")
    made.propagate = False
    made.setLevel(logging.INFO)
    yield made
    made.handlers.clear()


@pytest.fixture
def traced() -> Iterator[None]:
    with trace_receiver() as receiver:
        tracing.start("prodops-test", url=receiver.url, ratio=1.0)
        yield
        tracing.stop()


def test_a_record_that_is_logged_in_a_span_has_its_trace_in_the_table_and_others_have_none(
    traced: None, logger: logging.Logger, database: Database
) -> None:
    writer = Writer(DatabaseStore(1000, database.ops_engine), SOURCE)
    logger.addHandler(TableHandler(writer, logging.INFO))
    logger.info("before")
    with tracing.span("x", SpanKind.CONSUMER, parent=PARENT):
        logger.info("within")
    writer.close(10)
    with transaction(database.ops_engine) as session:
        found = session.scalars(select(AppLog).order_by(AppLog.id)).all()
    assert [(each.message, (each.extra_data or {}).get("trace_id")) for each in found] == [
        ("before", None), ("within", "5" * 32)
    ]  # fmt: skip


def test_lines_of_json_have_it_too(traced: None, logger: logging.Logger) -> None:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(JsonRecords(SOURCE))
    logger.addHandler(handler)
    with tracing.span("x", SpanKind.CONSUMER, parent=PARENT):
        logger.info("within")
        event = json.loads(JsonEvents(SOURCE)(None, "info", dict(EVENT)))
    logger.info("after")
    within, after = map(json.loads, written.getvalue().splitlines())
    assert within["trace_id"] == event["trace_id"] == "5" * 32
    assert "trace_id" not in after


def test_a_trace_that_is_not_kept_is_not_named(traced: None) -> None:
    with tracing.span("x", SpanKind.CONSUMER, parent=PARENT[:-2] + "00"):
        assert "trace_id" not in rows.of_event(SOURCE, EVENT)["extra_data"]
