"""Of every kind, by its own setting: an old row goes, a young one stays."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import pytest
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Float,
    Integer,
    LargeBinary,
    Uuid,
    func,
    insert,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Session

from flows.common import claiming, claims, requests, run
from flows.common.actions import Nothing
from flows.common.callers import on_ops_side
from flows.common.capabilities import import_models
from flows.common.claims import Claim
from flows.common.database import Base, now, transaction
from flows.common.settings import settings
from flows.housekeeping import repository, tasks
from flows.housekeeping.actions import PRUNE_HISTORY
from flows.housekeeping.domain import RULES, History, Limit
from tests.cases import same
from tests.databases import Database
from tests.sampled_run import messages_of, sample, take_in

pytestmark = pytest.mark.integration

KEPT_DAYS: Final = 2
AGES_DAYS: Final = {"old": 3, "young": 1}


@dataclass(frozen=True)
class Row:
    """How a row of a kind is made: its table, the column of its age, and what else it needs.

    Attributes:
        table: Its table.
        at: The column of its age.
        more: Columns that have to be something particular.
        needs: A row that it names by its id, which is 1.
    """

    table: str
    at: str
    more: dict[str, Any] = field(default_factory=dict)
    needs: Row | None = None


ROWS: Final[dict[History, Row]] = {
    History.EVENTS: Row("event", "at"),
    History.RELAYED_STATES: Row("relayed_state", "at"),
    History.REQUESTS: Row("request", "finished_at", {"state": "completed"}),
    History.EXECUTIONS: Row(
        "swf_workflow_executions",
        "end_time",
        {"workflow_definition_id": 1},
        Row("swf_workflow_definitions", "created_at"),
    ),
    History.WORKFLOW_RUNS: Row("workflow_run", "ended_at"),
    History.REMARKS: Row("panda_remark", "cleared_at"),
    History.ARRIVALS: Row("provenance_arrivals", "swept_at"),
    History.ATTEMPTS: Row("submission_attempt", "updated_at", {"state": "recorded"}),
    History.OPERATIONS: Row("panda_operation", "completed_at", {"status": "verified"}),
    History.RESOLUTIONS: Row("submission_resolution", "resolved_at"),
    History.PAYLOAD_LOGS: Row("payload_log", "updated_at", {"state": "failed"}),
    History.LIVE_DIDS: Row("provenance_live_did", "attempted_at"),
    History.SET_ASIDE_STFS: Row("fastmon_inbox", "received_at", {"state": "set_aside"}),
    History.WATCHED_FILES: Row("fastmon_watched_file", "taken_at"),
    History.LOG_RECORDS: Row("swf_applog", "timestamp"),
    History.STF_WORKFLOWS: Row("swf_stf_workflows", "created_at"),
    History.MESSAGES: Row("swf_workflow_messages", "sent_at"),
    History.STATE_EVENTS: Row("swf_system_state_events", "timestamp"),
    History.SUBSCRIBERS: Row("swf_subscribers", "updated_at"),
    History.AGENTS: Row("swf_systemagent", "last_heartbeat"),
    History.WORKERS: Row("swf_workers", "ended_at"),
    History.COMMANDS: Row("testbed_command", "ended_at"),
    History.SEEN_MESSAGES: Row("bus_seen", "at"),
    History.SETTLED_MESSAGES: Row("bus_set_aside", "settled_at", {"state": "dropped"}),
    History.NOTIFICATIONS: Row("notification", "at", {"state": "sent"}),
    History.ALARMS: Row("notification_alarm", "ended_at"),
    History.SPENT_WATCHES: Row(
        "notification_watch", "fired_at", {"kind": "request", "watch_for": "ended"}
    ),
    History.REQUEST_ENDS: Row("notification_request_end", "at"),
}
OF_RUNS: Final = {History.STFS, History.INBOX, History.TALLIES}


def test_every_kind_that_goes_by_age_is_looked_at_here():
    by_age = {kind for kind, rule in RULES.items() if rule.days is not None}
    assert set(ROWS) | OF_RUNS == by_age


@pytest.fixture
def held(database: Database) -> Iterator[Database]:
    """A database with a request to prune, as the worker holds it."""
    import_models()
    with transaction(database.ops_engine) as session:
        caller = on_ops_side("me")
        requests.accept(session, PRUNE_HISTORY, Nothing(), caller=caller, source="rest")
    with transaction(database.ops_engine) as session:
        (row,) = claiming.claim(session, worker="w", limit=1, lease_seconds=60)
    claims.hold(Claim(row.id, row.attempts))
    yield database
    claims.hold(None)
    settings.cache_clear()


def kept_for(monkeypatch: pytest.MonkeyPatch, kind: History) -> None:
    """Have the setting of that kind say two days; those of the others keep more."""
    monkeypatch.setenv(RULES[kind].names[0], str(KEPT_DAYS))
    settings.cache_clear()


@pytest.mark.parametrize("kind", same(*ROWS))
def test_an_old_row_goes_and_a_young_one_stays_by_its_setting(held, monkeypatch, kind):
    row = ROWS[kind]
    with transaction(held.ops_engine) as session:
        if row.needs is not None:
            add(session, row.needs, now(), "needed")
        for name, days in AGES_DAYS.items():
            add(session, row, now() - timedelta(days=days), name)
    assert ages(held, row) == [1, 3]
    prune()
    assert ages(held, row) == [1, 3]
    kept_for(monkeypatch, kind)
    assert prune()[kind] == 1
    assert ages(held, row) == [1]


def test_the_files_of_an_old_run_go_by_their_setting_and_a_young_run_s_stay(held, monkeypatch):
    for number, days in ((101, 3), (102, 1)):
        take_in(held.ops_engine, messages_of(number, 3))
        sample(held.ops_engine)
        with transaction(held.ops_engine) as session:
            for statement in _MAKE_OLD:
                session.execute(text(statement), {"run": number, "days": days})
    kept_for(monkeypatch, History.STFS)
    with run.opened(PRUNE_HISTORY):
        assert tasks.mark_old_runs.fn() == 1
    deleted = prune()
    assert (deleted[History.STFS], deleted[History.INBOX]) == (3, 3)
    assert deleted[History.TALLIES] > 0
    with transaction(held.ops_engine) as session:
        assert session.scalar(text("SELECT count(*) FROM swf_fastmon_files")) == 21


_MAKE_OLD = (
    """UPDATE swf_runs SET start_time = now() - make_interval(days => :days), end_time = NULL
       WHERE run_number = :run""",
    """UPDATE swf_stf_files SET created_at = now() - make_interval(days => :days)
       WHERE run_id IN (SELECT run_id FROM swf_runs WHERE run_number = :run)""",
    """UPDATE fastmon_tally SET last_at = now() - make_interval(days => :days)
       WHERE run_number = :run""",
)

COUNTED: Final = sorted(kind for kind in ROWS if RULES[kind].rows is not None)


@pytest.mark.parametrize("kind", COUNTED)
def test_of_what_has_a_number_the_newest_so_many_stay(held, kind):
    row, at = ROWS[kind], now()
    with transaction(held.ops_engine) as session:
        for number in range(5):
            add(session, row, at - timedelta(hours=number + 1), str(number))
    with transaction(held.ops_engine) as session:
        limit = repository.counted(session, kind, Limit(at - timedelta(days=30), 3))
        assert repository.delete_piece(session, kind, limit, rows=100) == 1
        assert repository.delete_piece(session, kind, limit, rows=100) is None
    with transaction(held.ops_engine) as session:
        fewer = repository.counted(session, kind, Limit(at - timedelta(days=30), 9))
    assert fewer.before == at - timedelta(days=30)


# ------------------------------------------------------------------ rows


def prune() -> dict[str, Any]:
    with run.opened(PRUNE_HISTORY):
        result: dict[str, Any] = tasks.delete_old_rows.fn()
    assert result["unfinished"] == []
    return result


def add(session: Session, row: Row, at: datetime, name: str) -> None:
    """A row of that age, and of nothing that has to be something particular."""
    table = Base.metadata.tables[row.table]
    values = {
        column.name: _some(column, at, name)
        for column in table.columns
        if not column.nullable and not column.server_default and not column.identity
    }
    session.execute(insert(table).values({**values, row.at: at, **row.more}))


def _some(column: Column[Any], at: datetime, name: str) -> Any:
    number = abs(hash((column.name, name))) % 10**6 + 1
    for kind, value in (
        (DateTime, at),
        (Boolean, False),
        (BigInteger, number),
        (Integer, number),
        (Float, 1.0),
        (Uuid, uuid.uuid4()),
        (LargeBinary, name.encode()),
        (JSONB, {}),
        (ARRAY, []),
    ):
        if isinstance(column.type, kind):
            return value
    return name


def ages(database: Database, row: Row) -> list[int]:
    """Of the rows that are there, in days."""
    column = Base.metadata.tables[row.table].c[row.at]
    age = func.round(func.extract("epoch", func.now() - column) / 86400)
    with transaction(database.ops_engine) as session:
        return sorted(int(each) for each in session.scalars(select(age).where(age > 0)))
