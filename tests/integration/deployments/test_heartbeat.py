"""A part of the ops side says that it is there, and whether Prefect answers it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from sqlalchemy import select
from sqlalchemy.exc import ProgrammingError

from deployments import version
from deployments.heartbeat import Heartbeat
from flows.common import part_measures, standing
from flows.common.database import transaction
from flows.common.database_errors import DatabaseUnavailable
from flows.common.models import OpsPart, PartKind
from flows.common.settings import settings
from flows.common.wait_reasons import WaitKind, WaitReason
from tests.databases import Database

pytestmark = pytest.mark.integration


class _Healthy(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def prefect_port() -> Iterator[int]:
    """The port of a Prefect that answers."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Healthy) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.02,))
        serving.start()
        yield server.server_port
        server.shutdown()
        serving.join()


@pytest.fixture
def heartbeat(database: Database, free_port: int, monkeypatch: pytest.MonkeyPatch) -> Heartbeat:
    """Of a worker whose Prefect is not there."""
    return of_worker(database, free_port, monkeypatch)


def of_worker(database: Database, port: int, monkeypatch: pytest.MonkeyPatch) -> Heartbeat:
    monkeypatch.setenv("PRODOPS_PREFECT_API_URL", f"http://127.0.0.1:{port}/api")
    settings.cache_clear()
    return Heartbeat(settings(), database.ops_engine, PartKind.WORKER, "here")


def read(database: Database) -> standing.Standing:
    with transaction(database.web_engine) as session:
        return standing.read(session)


def test_a_part_is_heard_and_prefect_away_while_it_does_not_answer(
    heartbeat: Heartbeat, database: Database
) -> None:
    heartbeat.beat()
    found = read(database)
    assert found.is_worker_heard
    assert found.prefect_away_since is not None


def test_prefect_that_answers_is_not_away(
    database: Database, prefect_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_worker(database, prefect_port, monkeypatch).beat()
    assert read(database).prefect_away_since is None


def test_it_is_counted_how_often_prefect_ceases_to_answer(
    heartbeat: Heartbeat, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([True, False, False, True, False])
    monkeypatch.setattr(Heartbeat, "_ask_prefect", lambda _self: next(answers))
    for _ in range(5):
        heartbeat.beat()
    with transaction(database.web_engine) as session:
        said = part_measures.read(session.scalar(select(OpsPart.details)) or {})
    assert said.prefect_outages == 2


def test_while_it_waits_for_prefect_it_says_so_as_often_as_is_due(
    heartbeat: Heartbeat, monkeypatch: pytest.MonkeyPatch
) -> None:
    beats: list[bool] = []
    monkeypatch.setattr(Heartbeat, "beat", lambda _self: beats.append(True))
    for _ in range(50):
        heartbeat.waiting()
    assert len(beats) == 1


@pytest.mark.parametrize(
    "error",
    [
        DatabaseUnavailable("it restarts"),
        KeyError("x"),
        ProgrammingError("INSERT", {}, Exception()),
    ],
)
def test_no_error_of_a_heartbeat_ends_the_part(
    heartbeat: Heartbeat, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(standing, "beat", fail)
    heartbeat.beat()


def test_what_keeps_a_worker_from_working_is_heard_with_since_when(
    heartbeat: Heartbeat, database: Database
) -> None:
    paused = WaitReason(kind=WaitKind.PAUSED, text="paused")
    heartbeat.wait_reasons = lambda: [paused, WaitReason(kind=WaitKind.CEILING, text="x", limit=2)]
    heartbeat.beat()
    [[first, ceiling]] = read(database).workers
    assert (first.text, ceiling.limit, ceiling.since) == ("paused", 2, None)
    heartbeat.beat()
    [[again, _]] = read(database).workers
    assert first.since is not None
    assert again.since is not None
    assert abs(again.since - first.since) < timedelta(seconds=0.5)
    heartbeat.wait_reasons = tuple
    heartbeat.beat()
    assert read(database).workers == ((),)


def test_a_worker_that_cannot_say_what_keeps_it_is_heard_all_the_same(
    heartbeat: Heartbeat, database: Database
) -> None:
    def fail() -> list[WaitReason]:
        raise KeyError("x")

    heartbeat.wait_reasons = fail
    heartbeat.beat()
    assert read(database).workers == ((),)


def details(database: Database) -> dict[str, object]:
    """What the part said, beside what each one measures."""
    with transaction(database.web_engine) as session:
        said = session.scalar(select(OpsPart.details)) or {}
    assert "prefect" in {each.system for each in part_measures.read(said).calls}
    return {name: value for name, value in said.items() if name != part_measures.KEY}


def test_what_else_a_part_says_is_read_by_the_web_tier(
    heartbeat: Heartbeat, database: Database
) -> None:
    heartbeat.details = lambda: {"credentials": []}
    heartbeat.beat()
    assert details(database) == {"credentials": [], "version": version.own().row()}


def test_a_part_whose_details_cannot_be_said_is_heard_all_the_same(
    heartbeat: Heartbeat, database: Database
) -> None:
    def fail() -> dict[str, object]:
        raise KeyError("x")

    heartbeat.details = fail
    heartbeat.beat()
    assert read(database).is_worker_heard
    assert details(database) == {"version": version.own().row()}
