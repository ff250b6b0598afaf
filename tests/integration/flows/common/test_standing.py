"""How the ops side stands: heard, away since when, Prefect away, and what waits since when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from flows.common import standing
from flows.common.database import now, transaction
from flows.common.models import PartKind
from tests.databases import Database

pytestmark = pytest.mark.integration


def beat(database: Database, kind: PartKind, name: str = "a", *, answers: bool = True) -> None:
    with transaction(database.ops_engine) as session:
        standing.beat(session, kind, name, prefect_answers=answers)


def read(database: Database) -> standing.Standing:
    with transaction(database.web_engine) as session:
        return standing.read(session)


def age(database: Database, seconds: int) -> None:
    with transaction(database.ops_engine) as session:
        session.execute(
            text("UPDATE ops_part SET heard_at = heard_at - make_interval(secs => :seconds)"),
            {"seconds": seconds},
        )


def queue(database: Database, number: int, *, later: bool = False) -> None:
    with transaction(database.ops_engine) as session:
        session.execute(
            text("""
                INSERT INTO request (action, parameters, requested_by, source, state, created_at,
                                     not_before)
                SELECT 'x', '{}', 'x', 'rest', 'queued', now() - interval '1 minute',
                       CASE WHEN :later THEN now() + interval '1 hour' END
                FROM generate_series(1, :number)"""),
            {"number": number, "later": later},
        )


def test_nothing_was_ever_heard_in_a_new_database(database: Database) -> None:
    found = read(database)
    assert (found.worker_heard_at, found.is_worker_heard, found.is_relay_heard) == (
        None, False, False,
    )  # fmt: skip
    assert (found.waiting, found.waiting_since, found.newest_request) == (0, None, 0)


def test_a_part_that_falls_silent_is_away_since_it_was_last_heard(database: Database) -> None:
    beat(database, PartKind.WORKER)
    beat(database, PartKind.RELAY)
    assert read(database).is_worker_heard
    age(database, standing.AWAY_SECONDS + 1)
    beat(database, PartKind.RELAY)
    found = read(database)
    assert (found.is_worker_heard, found.is_relay_heard) == (False, True)
    assert found.worker_heard_at is not None
    assert now() - found.worker_heard_at > timedelta(seconds=standing.AWAY_SECONDS)


def test_one_worker_of_several_that_is_heard_is_enough(database: Database) -> None:
    beat(database, PartKind.WORKER, "a")
    age(database, 3600)
    beat(database, PartKind.WORKER, "b")
    assert read(database).is_worker_heard


def test_prefect_is_away_since_it_first_did_not_answer_until_it_does(database: Database) -> None:
    beat(database, PartKind.WORKER, answers=False)
    since = read(database).prefect_away_since
    beat(database, PartKind.WORKER, answers=False)
    assert since is not None
    assert read(database).prefect_away_since == since
    beat(database, PartKind.WORKER)
    assert read(database).prefect_away_since is None


def test_what_a_silent_part_said_of_prefect_does_not_count(database: Database) -> None:
    beat(database, PartKind.WORKER, answers=False)
    age(database, 3600)
    assert read(database).prefect_away_since is None


def test_a_part_that_was_long_gone_is_forgotten_but_the_last_of_its_kind(
    database: Database,
) -> None:
    beat(database, PartKind.WORKER, "old")
    beat(database, PartKind.RELAY, "here")
    age(database, 2 * 86_400)
    beat(database, PartKind.RELAY, "here")
    assert read(database).worker_heard_at is not None
    beat(database, PartKind.WORKER, "new")
    with database.ops_engine.connect() as connection:
        names = set(connection.scalars(text("SELECT name FROM ops_part")))
    assert names == {"new", "here"}


def test_restarts_are_counted_by_the_start_of_another_process_and_of_that_part_alone(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def restarts() -> dict[tuple[str, str], tuple[int, bool]]:
        query = text("SELECT kind, name, restarts, restarted_at FROM ops_part")
        with database.ops_engine.connect() as connection:
            rows = connection.execute(query)
            return {(row[0], row[1]): (row[2], row[3] is not None) for row in rows}

    started = datetime(2026, 8, 1, 12, tzinfo=UTC)
    for kind, name, process in (
        (PartKind.WORKER, "a", 0), (PartKind.WORKER, "b", 1), (PartKind.RELAY, "a", 2),
        (PartKind.WORKER, "a", 0), (PartKind.WORKER, "a", 3), (PartKind.WORKER, "a", 3),
        (PartKind.WORKER, "a", 4),
    ):  # fmt: skip
        monkeypatch.setattr(standing, "_STARTED_AT", started + timedelta(minutes=process))
        beat(database, kind, name)
    others = {("worker", "b"): (0, False), ("relay", "a"): (0, False)}
    assert restarts() == others | {("worker", "a"): (2, True)}


def test_the_first_start_that_a_part_says_is_no_restart(database: Database) -> None:
    beat(database, PartKind.WORKER)
    with database.ops_engine.begin() as connection:  # as of a version that did not say it
        connection.execute(text("UPDATE ops_part SET started_at = NULL"))
    beat(database, PartKind.WORKER)
    with database.ops_engine.connect() as connection:
        assert connection.scalar(text("SELECT restarts FROM ops_part")) == 0


def test_what_waits_is_counted_up_to_a_bound_with_its_oldest(database: Database) -> None:
    queue(database, 3)
    queue(database, 2, later=True)
    found = read(database)
    assert (found.waiting, found.newest_request) == (3, 5)
    assert found.waiting_seconds >= 60
    queue(database, standing.MOST_COUNTED)
    assert read(database).waiting == standing.MOST_COUNTED + 1


def test_the_web_role_reads_it_and_cannot_say_it(database: Database) -> None:
    beat(database, PartKind.WORKER)
    with (
        pytest.raises(Exception, match="permission denied"),
        transaction(database.web_engine) as session,
    ):
        standing.beat(session, PartKind.WORKER, "forged", prefect_answers=True)


def test_a_bridge_is_as_it_said_itself(database: Database) -> None:
    since = datetime(2026, 8, 1, 12, tzinfo=UTC)
    details = {"condition": "broker_away", "text": "it is silent", "since": since.isoformat()}
    with transaction(database.ops_engine) as session:
        standing.beat(session, PartKind.BRIDGE, "b", prefect_answers=True, details=details)
        standing.beat(session, PartKind.BRIDGE, "old", prefect_answers=True, details={"a": 1})
    with transaction(database.web_engine) as session:
        [bridge] = standing.read(session).bridges
    assert bridge.is_heard
    assert (bridge.condition.value, bridge.text, bridge.since) == (
        "broker_away", "it is silent", since,
    )  # fmt: skip
