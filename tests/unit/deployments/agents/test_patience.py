"""Waiting for a monitor that is away."""

from __future__ import annotations

import logging
import threading

import pytest

from blocks.back_off import BackOff
from blocks.errors import OutsideUnavailable
from blocks.monitor_api.errors import RequestRefused
from deployments.agents.patience import GaveUp, Patience, Stopping

QUICK = BackOff(0.001, 0.002)


def failing(times: int, error: Exception | None = None):
    left = [times]

    def call() -> str:
        if left[0]:
            left[0] -= 1
            raise error or OutsideUnavailable("no answer")
        return "answer"

    return call


def test_an_outage_is_waited_out_and_said_once(caplog):
    caplog.set_level(logging.INFO, "prodops.agent")
    assert Patience(QUICK).until_answered("take a message", failing(5)) == "answer"
    first, last = (record.getMessage() for record in caplog.records)
    assert first == "waiting for the monitor to take a message: no answer"
    assert last.startswith("the monitor answers again, after ")


def test_a_refusal_is_no_outage():
    with pytest.raises(RequestRefused):
        Patience(QUICK).until_answered("x", failing(1, RequestRefused(400, "bad")))


def test_it_gives_up_where_it_is_told_to():
    with pytest.raises(GaveUp, match=r"gave up after 0\.01 s; give a number: no answer"):
        Patience(QUICK).until_answered("give a number", failing(10**6), limit_seconds=0.01)


def test_a_stop_ends_the_wait():
    patience = Patience(BackOff(60, 60))
    threading.Timer(0.05, patience.stop).start()
    with pytest.raises(Stopping):
        patience.until_answered("x", failing(10**6))
    assert patience.is_stopping
    assert patience.until_answered("x", failing(0)) == "answer"
