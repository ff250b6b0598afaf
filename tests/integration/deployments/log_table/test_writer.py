"""Log records in the table, as each of the database roles writes them."""

from __future__ import annotations

import logging

import pytest
import structlog
from sqlalchemy import select

from deployments.log_table.rows import Source, place_adder
from deployments.log_table.writer import DatabaseStore, TableHandler, TableProcessor, Writer
from flows.agents.models import AppLog
from flows.common.database import transaction
from flows.common.settings import settings
from tests.waiting import PATIENCE

pytestmark = pytest.mark.integration


def rows(database) -> list[AppLog]:
    with transaction(database.ops_engine) as session:
        return list(session.scalars(select(AppLog).order_by(AppLog.id)))


@pytest.mark.parametrize("role", ["ops", "web"])
def test_a_part_s_records_are_in_the_table_with_what_they_are_about(database, monkeypatch, role):
    monkeypatch.setenv("PRODOPS_DATABASE_URL", str(getattr(database, f"{role}_url")))
    monkeypatch.setenv("PRODOPS_DATABASE_PASSFILE", str(getattr(database, f"{role}_passfile")))
    settings.cache_clear()
    writer = Writer(DatabaseStore(keep=10_000), Source(app_name="run", about={"request_id": "41"}))
    handler, processor = TableHandler(writer, logging.INFO), TableProcessor(writer, logging.INFO)
    handler.handle(logging.LogRecord("a", logging.ERROR, "x.py", 3, "no %s", ("\x00",), None, "f"))
    bound = structlog.wrap_logger(
        structlog.PrintLogger(),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            place_adder,
            processor,
            structlog.processors.LogfmtRenderer(),
        ],
    )
    bound.warning("a run is lost", flow_run="7")
    writer.close(PATIENCE)
    first, second = rows(database)
    assert (first.app_name, first.message, first.lineno) == ("run", "no \\x00", 3)
    assert (second.levelname, second.message) == ("WARNING", "a run is lost flow_run=7")
    assert second.extra_data == {"request_id": "41", "flow_run_id": "7"}
    assert second.module == "test_writer"
    assert abs(second.timestamp - first.timestamp).total_seconds() < PATIENCE
