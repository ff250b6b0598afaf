"""A reader that follows event ids misses nothing, and does without the lock that orders them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime

import psycopg
import pytest
from sqlalchemy import Engine, func, select, text
from sqlalchemy.exc import DataError

from flows.common import events
from flows.common.database import make_engine, transaction
from flows.common.events import NewEvent
from flows.common.models import Event
from flows.common.notifications import listen_dsn
from tests.databases import Database

pytestmark = pytest.mark.integration

WRITERS = 4
PER_WRITER = 150
ROUNDS = 10
NO_LOCK = text("SELECT cast(:lock AS bigint), pg_notify(:channel, '')")


@pytest.fixture
def engine(database: Database) -> Iterator[Engine]:
    engine = make_engine(database.ops_url, passfile=database.ops_passfile, pool_size=WRITERS + 1)
    yield engine
    engine.dispose()


def event(number: int = 0) -> NewEvent:
    return NewEvent(msg_type="test", payload=json.dumps({"n": number}), at=datetime.now(UTC))


def write(engine: Engine) -> set[int]:
    """Commit events in many small transactions; gives their ids."""
    written: set[int] = set()
    for number in range(PER_WRITER):
        with transaction(engine) as session:
            written.update(events.commit(session, [event(number)] * (1 + number % 3)))
    return written


def follow(engine: Engine, after: int, is_over: threading.Event) -> list[int]:
    """The ids that a reader gets which always asks for those after its last one."""
    followed = [after]
    while True:
        was_over = is_over.is_set()
        with transaction(engine) as session:
            later = select(Event.id).where(Event.id > followed[-1]).order_by(Event.id)
            new = list(session.scalars(later))
        followed += new
        if was_over and not new:
            return followed[1:]


def missed(engine: Engine) -> set[int]:
    """The ids that a following reader misses while four writers write."""
    is_over = threading.Event()
    with transaction(engine) as session:
        after = session.scalar(select(func.max(Event.id))) or 0
    with ThreadPoolExecutor(WRITERS + 1) as pool:
        reading = pool.submit(follow, engine, after, is_over)
        writing = [pool.submit(write, engine) for _ in range(WRITERS)]
        wait(writing)
        is_over.set()
    return set().union(*(each.result() for each in writing)) - set(reading.result())


def test_a_reader_that_follows_ids_misses_nothing_of_four_writers(engine: Engine):
    assert missed(engine) == set()


def test_without_the_lock_such_a_reader_misses_events(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(events, "_ORDER", NO_LOCK)
    assert any(missed(engine) for _ in range(ROUNDS))


def test_ids_rise_in_the_order_that_events_were_given(engine: Engine):
    with transaction(engine) as session:
        ids = events.commit(session, [event(number) for number in range(500)])
    assert ids == sorted(ids)
    with transaction(engine) as session:
        payloads = session.scalars(select(Event.payload).order_by(Event.id))
        assert [each["n"] for each in payloads] == list(range(500))


def test_what_the_session_changed_commits_with_its_events_or_not_at_all(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(events, "_APPEND", text("SELECT 1/0, :rows"))

    def commit() -> None:
        with transaction(engine) as session:
            session.add(Event(msg_type="beside", payload={}, at=datetime.now(UTC)))
            events.commit(session, [event()])

    with pytest.raises(DataError, match="division by zero"):
        commit()
    with transaction(engine) as session:
        assert session.scalar(select(Event.id)) is None


def test_a_commit_without_events_commits_what_the_session_changed(engine: Engine):
    with transaction(engine) as session:
        session.add(Event(msg_type="beside", payload={}, at=datetime.now(UTC)))
        assert events.commit(session, []) == []
        session.rollback()
        assert session.scalar(select(Event.msg_type)) == "beside"


def test_a_listener_is_notified_when_events_are_there_to_read(engine: Engine):
    with psycopg.connect(listen_dsn(), autocommit=True) as connection:
        connection.execute(f"LISTEN {events.CHANNEL}")
        with transaction(engine) as session:
            (new,) = events.commit(session, [event()])
        heard = list(connection.notifies(timeout=5, stop_after=1))
        assert [each.channel for each in heard] == [events.CHANNEL]
        found = connection.execute("SELECT id FROM event").fetchall()
        assert found == [(new,)]


def test_a_writer_holds_others_up_only_while_it_commits(engine: Engine):
    """A transaction that has yet to write its events blocks nobody."""
    with transaction(engine) as slow:
        slow.add(Event(msg_type="slow", payload={}, at=datetime.now(UTC)))
        slow.flush()
        started = time.monotonic()
        with transaction(engine) as quick:
            events.commit(quick, [event()])
        assert time.monotonic() - started < 10


def test_the_payload_keeps_its_keys_in_order_and_in_ascii(engine: Engine):
    body = {"msg_type": "x", "zeta": 1, "alpha": "é", "run_id": 7}
    with transaction(engine) as session:
        events.commit(session, [events.message_event(body)])
        stored = session.scalar(text("SELECT payload::text FROM event"))
    assert stored.startswith('{"msg_type": "x", "zeta": 1, "alpha": "\\u00e9", "run_id": 7, ')
    assert set(json.loads(stored)) - set(body) == {
        "sender_agent",
        "recipient_agent",
        "namespace",
        "queue_name",
        "sent_at",
    }
