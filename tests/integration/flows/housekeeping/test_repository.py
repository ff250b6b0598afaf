"""What came in is deleted by its age, in bounded pieces; what still lives stays."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from api.fastmon.queries import live
from api.fastmon.views import Wanted
from flows.common import events
from flows.common.database import now, transaction
from flows.fastmon.intake import Taken
from flows.housekeeping import repository
from flows.housekeeping.domain import History, Limit
from tests.databases import Database
from tests.sampled_run import messages_of, sample, take_in

pytestmark = pytest.mark.integration

BEFORE = now() - timedelta(days=30)
OLD, NEW = BEFORE - timedelta(days=1), BEFORE + timedelta(days=1)
_ROWS = (
    """INSERT INTO swf_systemagent (instance_name, agent_type, description, status,
           operational_state, workflow_enabled, current_stf_count, total_stf_processed,
           last_heartbeat, created_at, updated_at)
       VALUES ('gone', 'x', '', 'EXITED', 'EXITED', true, 0, 0, :old, :old, :old),
              ('never-heard', 'x', '', 'OK', 'READY', true, 0, 0, NULL, :old, :old),
              ('alive', 'x', '', 'OK', 'READY', true, 0, 0, :new, :old, :new)""",
    """INSERT INTO swf_subscribers (subscriber_name, is_active, delivery_type, client_location,
           message_filters, messages_received, messages_sent, messages_dropped, created_at,
           updated_at)
       SELECT name, true, 'activemq', '', '{}', 0, 0, 0, at, at
       FROM (VALUES ('gone-/topic/t', cast(:old AS timestamptz)), ('alive-/topic/t', :old),
                    ('new-/topic/t', :new)) AS row (name, at)""",
    """INSERT INTO swf_applog (app_name, instance_name, timestamp, level, levelname, message,
           module, funcname, lineno, process, thread)
       SELECT 'a', 'i', at, 20, 'INFO', 'm', 'm', 'f', 1, 1, 1
       FROM unnest(cast(ARRAY[:old, :old, :old, :new] AS timestamptz[])) AS at""",
    """INSERT INTO swf_workflow_messages (message_id, message_type, message_content, sent_at)
       VALUES (gen_random_uuid(), 'a', '{}', :old), (gen_random_uuid(), 'a', '{}', :new)""",
    "INSERT INTO bus_seen (digest, at) VALUES ('\\x01', :old), ('\\x02', :new)",
    """INSERT INTO bus_set_aside (at, destination, message_id, reason, body, size_bytes, state,
           settled_at)
       VALUES (:old, '/queue/q', '', '', '', 0, 'dropped', :old),
              (:old, '/queue/q', '', '', '', 0, 'retried', :new),
              (:old, '/queue/q', '', '', '', 0, 'open', NULL)""",
    """INSERT INTO notification_alarm (rule_id, kind, about, severity, text, began_at, ended_at)
       VALUES (1, 'a', '', 'error', '', :old, :old), (1, 'a', '', 'error', '', :old, :new),
              (1, 'a', '', 'error', '', :old, NULL)""",
)


@pytest.fixture
def history(database: Database) -> Database:
    with transaction(database.ops_engine) as session:
        for statement in _ROWS:
            session.execute(text(statement), {"old": OLD, "new": NEW})
    return database


def deleted(database: Database, kind: History, *, rows: int = 2000, most: int = 0) -> int | None:
    with transaction(database.ops_engine) as session:
        return repository.delete_piece(session, kind, Limit(BEFORE, most), rows=rows)


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        (History.LOG_RECORDS, 3),
        (History.MESSAGES, 1),
        (History.SUBSCRIBERS, 1),
        (History.AGENTS, 2),
        (History.SEEN_MESSAGES, 1),
        (History.SETTLED_MESSAGES, 1),
        (History.ALARMS, 1),
    ],
)
def test_what_is_old_goes_and_what_lives_stays(history, kind, number):
    assert [deleted(history, kind), deleted(history, kind)] == [number, None]


@pytest.mark.parametrize("kind", History)
def test_every_kind_is_looked_for_also_where_there_is_nothing(database, kind):
    assert deleted(database, kind) is None


def test_a_piece_is_bounded(history):
    pieces = [deleted(history, History.LOG_RECORDS, rows=2) for _ in range(3)]
    assert pieces == [2, 1, None]


# ------------------------------------------------------------------ events


def announce(database: Database, number: int) -> list[int]:
    with transaction(database.ops_engine) as session:
        bodies = [{"msg_type": "a", "n": each} for each in range(number)]
        return events.commit(session, [events.message_event(body, at=OLD) for body in bodies])


def kept_events(database: Database) -> list[int]:
    with transaction(database.ops_engine) as session:
        return list(session.scalars(text("SELECT id FROM event ORDER BY id")))


def test_ids_of_events_never_go_back_though_all_are_pruned(database):
    before = announce(database, 5)
    assert deleted(database, History.EVENTS) == 4
    assert kept_events(database) == before[-1:]
    assert announce(database, 1)[0] > before[-1]


def test_of_events_the_newest_are_kept_whatever_their_age(database):
    ids = announce(database, 7)
    assert deleted(database, History.EVENTS_BEYOND, most=3) == 4
    assert kept_events(database) == ids[-3:]


# ------------------------------------------------------------------ requests

_REQUESTS = text("""
    INSERT INTO request
        (action, parameters, requested_by, source, state, created_at, finished_at)
    SELECT state, '{}', 'me', 'rest', state, :at, CASE WHEN state <> 'queued' THEN :at END
    FROM unnest(ARRAY['completed', 'failed', 'cancelled', 'unknown', 'queued']) AS state
    RETURNING id
""")
_ATTEMPT = text("""
    INSERT INTO submission_attempt
        (task_name, panda_name, owner, request_id, state, created_at, updated_at)
    VALUES ('t', 'p', 'o', :request_id, :state, now(), now())
""")


def requested(database: Database) -> list[int]:
    with transaction(database.ops_engine) as session:
        return list(session.scalars(_REQUESTS, {"at": OLD}))


def kept_states(database: Database) -> list[str]:
    with transaction(database.ops_engine) as session:
        return list(session.scalars(text("SELECT state FROM request ORDER BY id")))


def test_requests_that_are_open_or_unknown_stay_however_old(database):
    requested(database)
    assert deleted(database, History.REQUESTS) == 3
    assert kept_states(database) == ["unknown", "queued"]


@pytest.mark.parametrize(
    ("state", "stays"), [("unresolved", True), ("unknown", True), ("recorded", False)]
)
def test_a_request_whose_attempt_is_open_stays_and_attempts_always_do(database, *, state, stays):
    completed, *_ = requested(database)
    with transaction(database.ops_engine) as session:
        session.execute(_ATTEMPT, {"request_id": completed, "state": state})
    deleted(database, History.REQUESTS)
    assert ("completed" in kept_states(database)) is stays
    with transaction(database.ops_engine) as session:
        assert session.scalar(text("SELECT count(*) FROM submission_attempt")) == 1


# ------------------------------------------------------------------ data-taking runs


def sampled_run_of(database: Database, run: int, *, stfs: int = 3, age_days: int = 0) -> None:
    """A run that was taken in and sampled whole, so long ago."""
    take_in(database.ops_engine, messages_of(run, stfs))
    sample(database.ops_engine)
    make_old(database, run, age_days)


def make_old(database: Database, run: int, age_days: int) -> None:
    with transaction(database.ops_engine) as session:
        for statement in _MAKE_OLD:
            session.execute(text(statement), {"run": run, "days": age_days})


_MAKE_OLD = (
    (
        "UPDATE swf_runs SET start_time = now() - make_interval(days => :days), end_time = NULL "
        "WHERE run_number = :run"
    ),
    (
        "UPDATE swf_stf_files SET created_at = now() - make_interval(days => :days) "
        "WHERE run_id IN (SELECT run_id FROM swf_runs WHERE run_number = :run)"
    ),
    (
        "UPDATE fastmon_tally SET last_at = now() - make_interval(days => :days) "
        "WHERE run_number = :run"
    ),
)


def mark(database: Database, *, most: int = 1_000_000) -> int:
    with transaction(database.ops_engine) as session:
        return repository.mark_runs(session, Limit(BEFORE, most), at=now())


def prune(database: Database) -> None:
    for kind in (History.STFS, History.INBOX, History.TALLIES):
        while deleted(database, kind, rows=16):
            pass
    with transaction(database.ops_engine) as session:
        repository.note_empty_runs(session)


def counted(database: Database, table: str) -> int:
    with transaction(database.ops_engine) as session:
        return session.scalar(text(f"SELECT count(*) FROM {table}")) or 0


def test_an_old_run_goes_whole_with_its_files_and_its_counts_stay(database):
    sampled_run_of(database, 101, age_days=60)
    sampled_run_of(database, 102)
    assert mark(database) == 1
    prune(database)
    assert counted(database, "swf_stf_files") == counted(database, "fastmon_inbox") == 3
    assert counted(database, "swf_fastmon_files") == 21
    with transaction(database.web_engine) as session:
        runs = {each.run_number: each for each in live.take(session, Wanted()).runs}
    assert (runs[101].announced, runs[101].sampled, runs[101].tfs) == (3, 3, 21)


def test_beyond_so_many_tf_files_the_oldest_runs_go_and_never_the_newest(database):
    for run, age_days in ((101, 3), (102, 2), (103, 1)):
        sampled_run_of(database, run, age_days=age_days)
    assert mark(database, most=45) == 1
    assert mark(database, most=1) == 1
    assert mark(database, most=1) == 0


def test_a_run_with_an_stf_that_waits_is_kept(database):
    sampled_run_of(database, 101, age_days=60)
    announced = next(each for each in messages_of(101, 1) if each["msg_type"] == "stf_ready")
    take_in(database.ops_engine, [{**announced, "filename": "late.stf"}])
    make_old(database, 101, 60)
    assert mark(database) == 0


def test_an_stf_that_comes_again_after_its_run_was_pruned_is_not_taken_anew(database):
    sampled_run_of(database, 101, age_days=60)
    mark(database)
    prune(database)
    again = [each for each in messages_of(101, 3) if each["msg_type"] == "stf_ready"]
    verdicts = take_in(database.ops_engine, again)
    assert {each.taken for each in verdicts} == {Taken.SET_ASIDE}
    assert all("run 101 was pruned on" in (each.reason or "") for each in verdicts)
    assert counted(database, "swf_stf_files") == counted(database, "swf_fastmon_files") == 0
