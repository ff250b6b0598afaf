"""The progress artifact: late, seldom, and never in the way."""

from __future__ import annotations

import uuid
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from flows.common import progress
from flows.common.progress import ProgressArtifact


class FakePrefect:
    """Takes artifacts, at a clock of its own."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.sent: list[tuple[str, Any]] = []
        self.error: Exception | None = None

    @contextmanager
    def client(self):
        yield self

    def request(self, method: str, _path: str, *, json: Any, **_: object) -> Any:
        self.sent.append((method, json["data"]))
        if self.error is not None:
            raise self.error
        return SimpleNamespace(json=lambda: {"id": str(uuid.uuid4())})


@pytest.fixture
def prefect(monkeypatch):
    fake = FakePrefect()
    monkeypatch.setattr(progress, "quick_client", fake.client)
    monkeypatch.setattr(progress.time, "monotonic", lambda: fake.seconds)
    run = SimpleNamespace(flow_run=SimpleNamespace(id=uuid.uuid4()))
    monkeypatch.setattr(progress.FlowRunContext, "get", lambda: run)
    return fake


def test_a_short_run_shows_nothing(prefect):
    shown = ProgressArtifact("sweep")
    prefect.seconds = 1.9
    shown.show(1, 2, "half")
    shown.complete()
    assert prefect.sent == []


def test_a_long_run_shows_it_once_a_second_at_most_and_its_end(prefect):
    shown = ProgressArtifact("sweep")
    for tenth in range(41):
        prefect.seconds = tenth / 10
        shown.show(tenth, 40, "reading")
    shown.complete()
    assert prefect.sent == [("POST", 50.0), ("PATCH", 75.0), ("PATCH", 100.0), ("PATCH", 100.0)]


def test_without_a_total_nothing_is_shown(prefect):
    shown = ProgressArtifact("sweep")
    prefect.seconds = 9
    shown.show(1, 0, "reading")
    assert prefect.sent == []


@pytest.mark.parametrize("error", [httpx.ConnectError("away"), RuntimeError("client closed")])
def test_a_prefect_that_is_away_is_asked_once(prefect, error):
    shown = ProgressArtifact("sweep")
    prefect.error = error
    for second in (3, 5, 7):
        prefect.seconds = second
        shown.show(1, 2, "half")
    shown.complete()
    assert prefect.sent == [("POST", 50.0)]


def test_without_prefect_nothing_is_shown(monkeypatch, prefect):
    monkeypatch.setattr(progress.FlowRunContext, "get", lambda: None)
    shown = ProgressArtifact("sweep")
    prefect.seconds = 9
    shown.show(1, 2, "half")
    assert prefect.sent == []
