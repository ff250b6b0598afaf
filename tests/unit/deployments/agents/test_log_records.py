"""An agent's log at the monitor: whole, in order, and never waited for."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from blocks.monitor_api.errors import MonitorUnavailable, RequestRefused
from deployments.agents import log_records
from deployments.agents.log_records import MonitorLog
from tests.waiting import PATIENCE


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    made = logging.getLogger("prodops.agents_test")
    made.propagate = False
    made.setLevel(logging.INFO)
    yield made
    made.handlers.clear()


def test_records_have_the_form_of_the_contract(logger):
    sent: list[dict[str, Any]] = []
    handler = MonitorLog(sent.append, "data-agent", "data-agent-x-1")
    logger.addHandler(handler)
    logger.warning("run %d", 7, extra={"about": {"run_id": "7"}})
    handler.flush_for(PATIENCE)
    (record,) = sent
    assert list(record) == [
        "app_name", "instance_name", "timestamp", "level", "levelname", "message", "module",
        "funcname", "lineno", "process", "thread", "extra_data",
    ]  # fmt: skip
    assert (record["level"], record["message"], record["extra_data"]) == (
        30,
        "run 7",
        {"run_id": "7"},
    )
    assert record["timestamp"].endswith("+00:00")


def test_records_wait_while_the_monitor_is_away_and_keep_their_order(logger, monkeypatch):
    monkeypatch.setattr(log_records, "_PAUSE_SECONDS", 0.001)
    sent, failures = [], [MonitorUnavailable("away")] * 5

    def send(record: dict[str, Any]) -> None:
        if failures:
            raise failures.pop()
        sent.append(record["message"])

    handler = MonitorLog(send, "a", "b")
    logger.addHandler(handler)
    for number in range(5):
        logger.info("%d", number)
    while len(sent) < 5:
        assert handler._thread.is_alive()
    handler.flush_for(PATIENCE)
    assert sent == ["0", "1", "2", "3", "4"]


def test_what_cannot_be_held_or_is_refused_is_dropped_and_counted(logger, monkeypatch):
    def refuse(_record: dict[str, Any]) -> None:
        raise RequestRefused(400, "bad")

    handler = MonitorLog(refuse, "a", "b")
    logger.addHandler(handler)
    logger.info("x")
    handler.flush_for(PATIENCE)
    assert handler.dropped == 1
    monkeypatch.setattr(handler._waiting, "maxsize", 1)
    for _ in range(3):
        logger.info("y")
    assert handler.dropped == 3


def test_a_monitor_that_is_away_does_not_hold_up_the_end(logger):
    def fail(_record: dict[str, Any]) -> None:
        raise MonitorUnavailable("away")

    handler = MonitorLog(fail, "a", "b")
    logger.addHandler(handler)
    logger.info("x")
    handler.flush_for(PATIENCE)
    assert not handler._thread.is_alive()
