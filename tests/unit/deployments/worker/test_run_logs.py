"""What a run logs, sent to Prefect in batches."""

from __future__ import annotations

import logging
import threading
import uuid
from typing import Any

import httpx
import pytest
from prefect.logging import handlers

from deployments.worker import run_logs


class _Client:
    def __init__(self, *, is_away: bool = False) -> None:
        self.batches: list[list[dict[str, Any]]] = []
        self._is_away = is_away

    def create_logs(self, batch: list[dict[str, Any]]) -> None:
        if self._is_away:
            raise httpx.ConnectError("refused")
        self.batches.append(batch)


def _record(number: int, size: int = 10) -> dict[str, Any]:
    return {"message": str(number), "__payload_size__": size}


def test_what_is_logged_has_reached_prefect_at_the_end():
    client = _Client()
    with run_logs.sent_with(client):
        for number in range(3):
            handlers.emit_api_log(_record(number))
    assert client.batches == [[{"message": "0"}, {"message": "1"}, {"message": "2"}]]
    assert handlers._api_log_sink is None


def test_a_batch_is_no_larger_than_the_server_takes():
    client = _Client()
    with run_logs.sent_with(client):
        for number in range(3):
            handlers.emit_api_log(_record(number, size=1_500_000))
    assert [len(batch) for batch in client.batches] == [2, 1]


def test_a_run_ends_although_prefect_does_not_take_its_log(capsys):
    with run_logs.sent_with(_Client(is_away=True)):
        handlers.emit_api_log(_record(1))
    assert "1 records do not reach Prefect" in capsys.readouterr().err


def test_a_run_that_logs_nothing_starts_no_thread():
    sender = run_logs._Sender(_Client())
    sender.close()
    assert sender._thread.ident is None


def test_what_comes_too_late_for_the_runs_client_is_said_and_breaks_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(run_logs, "_END_SECONDS", 0.05)
    closed = threading.Event()

    class Slow(_Client):
        def create_logs(self, batch: list[dict[str, Any]]) -> None:
            assert closed.wait(10)
            raise RuntimeError("Cannot send a request, as the client has been closed.")

    with run_logs.sent_with(Slow()):
        sender = handlers._api_log_sink.__self__
        handlers.emit_api_log(_record(1))
    closed.set()
    sender._thread.join(10)
    assert "1 records do not reach Prefect: Cannot send" in capsys.readouterr().err


def test_what_the_states_of_a_run_say_is_no_row_at_prefect():
    client, logger = _Client(), logging.getLogger("prefect.flow_runs")
    with run_logs.sent_with(client):
        for module in ("flow_engine", "flow"):
            for message in ("Beginning flow run 'a'", "Finished in state Completed()", "Received"):
                told = {"msg": message, "module": module, "levelno": 20, "name": logger.name}
                logger.handle(logging.makeLogRecord(told | {"flow_run_id": str(uuid.UUID(int=1))}))
    messages = [each["message"] for batch in client.batches for each in batch]
    assert messages == [
        "Received", "Beginning flow run 'a'", "Finished in state Completed()", "Received",
    ]  # fmt: skip
