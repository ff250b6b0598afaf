"""What the launcher leans on inside Prefect is still there: names that are not exported."""

from __future__ import annotations

import inspect
import signal

import pytest
from prefect import flow_engine
from prefect._internal import control_listener

from deployments.worker import launch


def test_the_engine_still_has_the_watch_that_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    source = inspect.getsource(flow_engine.BaseFlowRunEngine.setup_flow_run_suspension_request)
    assert "observe_flow_run_suspension(" in source
    monkeypatch.setattr(flow_engine, "observe_flow_run_suspension", None)
    launch._refuse_to_suspend()
    with flow_engine.observe_flow_run_suspension("run", "request"):
        pass


def test_the_engine_asks_for_the_intent_that_a_signal_leaves() -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGUSR1, signal.SIGUSR2)}
    try:
        launch._listen_for_intents()
        signal.raise_signal(signal.SIGUSR1)
        assert flow_engine._termination_intent() == "cancel"
        signal.raise_signal(signal.SIGUSR2)
        assert flow_engine._termination_intent() in flow_engine._SUPERVISOR_OWNED_INTENTS
    finally:
        control_listener.clear_intent()
        for number, handler in before.items():
            signal.signal(number, handler)
