"""What came in is deleted by its age, in bounded pieces; what still lives stays."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from flows.common.database import now, transaction
from flows.housekeeping import repository
from flows.housekeeping.repository import History
from tests.databases import Database

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


def deleted(database: Database, kind: History) -> int:
    with transaction(database.ops_engine) as session:
        return repository.delete_history_piece(session, kind, BEFORE)


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
    assert [deleted(history, kind), deleted(history, kind)] == [number, 0]


def test_a_piece_is_bounded(history, monkeypatch):
    monkeypatch.setattr(repository, "PIECE", 2)
    assert [deleted(history, History.LOG_RECORDS) for _ in range(3)] == [2, 1, 0]
