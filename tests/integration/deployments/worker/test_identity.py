"""A worker's name: one living session of the database has it, and nobody else."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from deployments.bench.common.meanwhile import meanwhile
from deployments.worker import identity, service
from deployments.worker.identity import Identity, WorkerRuns
from flows.common.database import transaction
from flows.common.models import Request
from flows.common.settings import settings
from tests.databases import Database
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

NAME = "prodops-worker@here"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch, database: Database) -> None:
    monkeypatch.setattr(identity, "_ENDING_SECONDS", 0.3)
    monkeypatch.setattr(identity, "_VANISHED_SECONDS", 0.6)
    monkeypatch.setattr(identity, "_LOOK_SECONDS", 0.02)


def end_sessions(database: Database) -> None:
    """As a restart of the database does."""
    with transaction(database.ops_engine) as session:
        session.execute(
            text("""
                SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
                WHERE application_name LIKE 'prodops worker %' AND datname = current_database()
            """)
        )


@pytest.fixture
def first() -> Iterator[Identity]:
    with Identity(NAME) as held:
        yield held


def test_a_second_worker_of_the_name_is_refused(first: Identity):
    with pytest.raises(WorkerRuns, match=f"{NAME} runs already") as refusal, Identity(NAME):
        pass
    assert refusal.value.exit_code == 2
    first.keep()


def test_other_names_and_the_name_of_a_worker_that_ended_are_free():
    with Identity(NAME), Identity("prodops-worker@there"):
        pass
    with Identity(NAME):
        pass


def test_the_name_of_a_worker_that_is_just_ending_is_waited_for(monkeypatch):
    monkeypatch.setattr(identity, "_ENDING_SECONDS", 20)
    ending = Identity(NAME)
    ending.__enter__()
    timer = threading.Timer(0.2, ending.__exit__, (None, None, None))
    timer.start()
    with Identity(NAME):
        timer.join()


def test_the_session_of_a_machine_that_vanished_is_waited_for(monkeypatch):
    """It asks nothing any more; PostgreSQL ends it once its keepalives find out."""
    monkeypatch.setattr(identity, "_VANISHED_SECONDS", 20)
    vanished = Identity(NAME)
    vanished.__enter__()
    timer = threading.Timer(1.0, vanished.__exit__, (None, None, None))
    timer.start()
    with Identity(NAME):
        timer.join()


def test_a_session_that_ends_between_two_looks_leaves_the_name(monkeypatch):
    monkeypatch.setattr(identity, "_VANISHED_SECONDS", 0)
    monkeypatch.setattr(identity, "_ENDING_SECONDS", 0)
    vanished = Identity(NAME)
    vanished.__enter__()
    successor, look = Identity(NAME), Identity._holder

    def looks(self: Identity, connection: Any) -> Any:
        if self._key in seen:  # it was just refused the name
            vanished.__exit__(None, None, None)
            wait_until(lambda: look(self, connection) is None)
        seen.append(self._key)
        return look(self, connection)

    seen: list[Any] = []
    monkeypatch.setattr(Identity, "_holder", looks)
    with successor:
        assert len(seen) == 2


def test_a_living_worker_s_name_is_not_waited_for(first: Identity, monkeypatch):
    monkeypatch.setattr(identity, "_VANISHED_SECONDS", 60)
    with meanwhile(first.keep, every_seconds=0.05), pytest.raises(WorkerRuns), Identity(NAME):
        pass


def test_a_worker_keeps_its_name_through_a_restart_of_the_database(
    first: Identity, database: Database
):
    end_sessions(database)
    for _ in range(2):  # it finds the session broken, then takes the name again
        first.keep()
    with pytest.raises(WorkerRuns), Identity(NAME):
        pass


def test_its_own_session_that_has_not_ended_yet_is_not_taken_for_another_worker(first: Identity):
    """As after a broken network, which the database notices later."""
    lingering, first._connection = first._connection, None
    first.keep()
    assert lingering is not None
    lingering.close()
    deadline = time.monotonic() + 10
    while first._connection is None or first._connection.closed:
        assert time.monotonic() < deadline
        first.keep()
    with pytest.raises(WorkerRuns), Identity(NAME):
        pass


def test_a_worker_whose_name_another_took_meanwhile_says_so(first: Identity, database: Database):
    end_sessions(database)
    first.keep()  # it finds that its session broke
    with Identity(NAME), pytest.raises(WorkerRuns):
        first.keep()


@pytest.mark.parametrize("holds", [True, False])
def test_after_a_start_of_the_database_a_worker_that_holds_requests_comes_first(
    database, monkeypatch, holds
):
    just_now = identity._MAY_BE_RETAKEN.replace("pg_postmaster_start_time()", "now()")
    monkeypatch.setattr(identity, "_MAY_BE_RETAKEN", just_now)
    monkeypatch.setattr(identity, "_PRECEDENCE_SECONDS", 0.5)
    if holds:
        held = {"state": "running", "worker": NAME, "requested_by": "me", "source": "test"}
        with transaction(database.ops_engine) as session:
            session.add(Request(action="a", parameters={}, **held))
    began = time.monotonic()
    with Identity(NAME):
        assert (time.monotonic() - began >= 0.5) == holds


def test_a_second_worker_ends_before_it_touches_anything(
    database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """With a state directory of its own, as on another machine of the same host name."""
    monkeypatch.setenv("PRODOPS_STATE_DIR", str(tmp_path))
    monkeypatch.setattr(service, "await_server", lambda _: pytest.fail("it went on"))
    settings.cache_clear()
    with Identity(service.name_of(settings())), pytest.raises(WorkerRuns):
        service.run(settings())
