"""The web tier while the database passes through a state: 503 with a reason, and it heals alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import httpx
import pytest
from sqlalchemy import text

from api.http.silence import SILENT_SECONDS
from api.http.stream import Feed
from flows.common.callers import ALL, Scope
from flows.common.database import transaction
from flows.common.settings import settings
from tests.conftest import ServedApi
from tests.databases import Database, Server
from tests.waiting import stays, wait_until

pytestmark = pytest.mark.integration


@pytest.fixture
def token_scopes() -> frozenset[Scope]:
    """An operator's."""
    return ALL


NOTE = {"msg_type": "note"}
RUN = {"run_number": 7, "start_time": "2026-01-01T00:00:00Z"}
HEALTH = "/api/health/"


def told(answer: httpx.Response) -> tuple[int, str | None]:
    """The status, and the database's state where it is the reason."""
    if answer.status_code == 503:
        assert answer.headers["retry-after"] == "2"
    return answer.status_code, answer.json().get("database")


def write(api: httpx.Client) -> dict[str, tuple[int, str | None]]:
    return {
        "message": told(api.post("/api/messages/", json=NOTE)),
        "run": told(api.post("/api/runs/", json=RUN)),
        "request": told(api.post("/api/actions/check_pipeline/")),
    }


@contextmanager
def set_on(postgres: Server, database: Database, change: str, back: str) -> Iterator[None]:
    """Alter the database, for connections that are made anew, as all are."""
    admin = postgres.admin()
    try:
        with admin.connect() as connection:
            for statement in (change, _BREAK):
                connection.execute(text(statement.format(database.name)))
        yield
    finally:
        with admin.connect() as connection:
            connection.execute(text(back.format(database.name)))
        admin.dispose()


_BREAK = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{}'"


def read_only(postgres: Server, database: Database) -> AbstractContextManager[None]:
    name = "ALTER DATABASE {} SET default_transaction_read_only"
    return set_on(postgres, database, f"{name} = on", f"{name} TO DEFAULT")


def closed(postgres: Server, database: Database) -> AbstractContextManager[None]:
    name = "ALTER DATABASE {} CONNECTION LIMIT"
    return set_on(postgres, database, f"{name} 0", f"{name} -1")


def test_a_read_only_database_is_read_and_told_and_heals(
    postgres: Server, database: Database, api: httpx.Client
):
    assert set(write(api).values()) == {(201, None), (202, None)}
    with read_only(postgres, database):
        assert set(write(api).values()) == {(503, "read_only")}
        assert told(api.get(HEALTH)) == (503, "read_only")
        for page in ("/fastmon/", "/requests/", "/pcs/tasks/", "/api/runs/"):
            assert api.get(page).status_code == 200, page
        wait_until(lambda: "The database is read-only" in api.get("/requests/").text, 10)
    wait_until(lambda: told(api.get(HEALTH)) == (200, None), 10)
    assert told(api.post("/api/messages/", json=NOTE)) == (201, None)


@pytest.mark.slow
def test_a_server_without_a_free_connection_is_told_on_pages_too_and_heals(
    postgres: Server, database: Database, api: httpx.Client
):
    with closed(postgres, database):
        assert set(write(api).values()) == {(503, "busy")}
        assert told(api.get(HEALTH)) == (503, "busy")
        page = api.get("/fastmon/")
        assert (page.status_code, page.headers["retry-after"]) == (503, "2")
        assert "the database is busy" in page.text
        # to refuse is to answer: it is not taken for a database that stands still
        assert stays(lambda: told(api.get(HEALTH)) == (503, "busy"), SILENT_SECONDS + 2)
    wait_until(lambda: told(api.post("/api/messages/", json=NOTE)) == (201, None), 10)


_OTHERS = {  # which say it in their own words, or need no database
    "/api/messages/stream/", "/api/messages/stream/status/", "/api/health/operations/",
    "/metrics/",
}  # fmt: skip


def test_no_reader_waits_for_a_silent_database_and_what_is_written_is_taken(
    api: httpx.Client, monkeypatch: pytest.MonkeyPatch
):
    paths = api.get("/openapi.json").json()["paths"]
    reads = {path.replace("{", "").replace("}", "") for path in paths if "get" in paths[path]}
    monkeypatch.setattr(Feed, "silent_seconds", property(lambda _: SILENT_SECONDS))
    answers = {path: api.get(path) for path in sorted(reads - _OTHERS)}
    assert len(answers) > 40
    for path, answer in answers.items():
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2"), path
        assert "the database has not answered since" in answer.text, path
    assert write(api) == {"message": (201, None), "run": (201, None), "request": (202, None)}


def test_the_feed_follows_again_after_a_state_that_let_nobody_listen(
    postgres: Server, database: Database, api: httpx.Client, served_api: ServedApi
):
    with served_api.client() as listener, listener.stream("GET", "/api/messages/stream/") as stream:
        lines = stream.iter_lines()
        with closed(postgres, database):
            assert told(api.post("/api/messages/", json=NOTE))[0] == 503
        wait_until(lambda: told(api.post("/api/messages/", json=NOTE)) == (201, None), 10)
        assert next(line for line in lines if line == "event: note")


@pytest.fixture
def small_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two connections for those who read, for which nobody waits long."""
    monkeypatch.setenv("PRODOPS_DATABASE_POOL_SIZE", "1")
    monkeypatch.setattr("flows.common.database._POOL_SECONDS", 0.3)
    settings.cache_clear()


@pytest.mark.usefixtures("small_pool")
def test_readers_that_take_every_connection_starve_no_sender(
    database: Database, served_api: ServedApi
):
    answers: list[int] = []
    with served_api.client() as api, transaction(database.ops_engine) as session:
        session.execute(text("LOCK TABLE pcs_prod_task"))

        def read() -> None:
            with served_api.client() as reader:
                answers.append(reader.get("/pcs/api/prod-tasks/").status_code)

        readers = [threading.Thread(target=read) for _ in range(12)]
        for each in readers:
            each.start()
        wait_until(lambda: len(answers) == 10)
        assert set(answers) == {503}
        assert told(api.get("/api/runs/")) == (503, "busy")
        assert told(api.post("/api/messages/", json=NOTE)) == (201, None)
        assert told(api.post("/api/runs/", json=RUN)) == (201, None)
        assert told(api.patch("/api/runs/1/", json={"run_number": 8}))[0] == 200
        assert told(api.get(HEALTH)) == (503, "busy")
        session.rollback()
        for each in readers:
            each.join()
    assert sorted(answers) == [200] * 2 + [503] * 10


def test_the_web_tiers_statements_and_transactions_are_limited(
    database: Database, served_api: ServedApi, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PRODOPS_API_STATEMENT_SECONDS", "0.2")
    settings.cache_clear()
    served_api.restart()
    with served_api.client() as api, transaction(database.ops_engine) as session:
        session.execute(text("LOCK TABLE pcs_prod_task, swf_runs"))
        for answer in (api.get("/pcs/api/prod-tasks/"), api.post("/api/runs/", json=RUN)):
            assert told(answer) == (503, None)
            assert "too long" in answer.json()["detail"]
        assert "too long" in api.get("/pcs/tasks/").text
        session.rollback()
        assert told(api.post("/api/runs/", json=RUN)) == (201, None)
