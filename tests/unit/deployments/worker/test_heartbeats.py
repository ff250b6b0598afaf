"""Heartbeats of a run at Prefect."""

from __future__ import annotations

import threading
import time

from prefect import flow_engine

from deployments.worker import heartbeats


class _Engine:
    heartbeat_seconds = 0.01

    def __init__(self) -> None:
        self.beats = 0
        self.has_beaten = threading.Event()

    def _emit_flow_run_heartbeat(self) -> None:
        self.beats += 1
        if self.beats > 1:
            self.has_beaten.set()


def test_a_short_run_sends_none_and_waits_for_none():
    engine = _Engine()
    began = time.monotonic()
    with heartbeats.sent(engine):
        pass
    assert time.monotonic() - began < 0.5
    assert engine.beats == 0


def test_a_longer_run_sends_them_again_and_again(monkeypatch):
    monkeypatch.setattr(heartbeats, "_FIRST_SECONDS", 0.01)
    engine = _Engine()
    with heartbeats.sent(engine):
        assert engine.has_beaten.wait(10)


def test_prefects_engine_still_has_the_place_that_is_taken():
    assert callable(flow_engine._send_heartbeats)
