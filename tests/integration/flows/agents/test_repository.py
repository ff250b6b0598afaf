"""Counters, heartbeats and log records in the database, as the web role writes them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, text

from flows.agents import repository
from flows.agents.models import AppLog, PersistentState, SystemAgent
from flows.agents.repository import Heard, Heartbeat
from flows.common import counters
from flows.common.counters import Counter
from flows.common.database import transaction
from tests.databases import Database

pytestmark = pytest.mark.integration

AT = datetime(2026, 8, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HERE = {"pid": 7, "hostname": "here"}


def count(database: Database, counter: Counter) -> int:
    with transaction(database.web_engine) as session:
        return counters.next_number(session, counter)


def beat(database: Database, at: datetime, *said: dict[str, Any], name: str = "a") -> list[Heard]:
    with transaction(database.web_engine) as session:
        return repository.beat(session, [Heartbeat(name, each) for each in said], at)


def agent(database: Database, name: str = "a") -> SystemAgent:
    with transaction(database.ops_engine) as session:
        return session.scalars(select(SystemAgent).where(SystemAgent.instance_name == name)).one()


# ------------------------------------------------------------------ counters


@pytest.mark.parametrize(
    ("counter", "first"),
    [
        (Counter.RUN_NUMBER, 100010),
        (Counter.AGENT_ID, 1),
        (Counter.WORKFLOW_EXECUTION_ID, 1),
    ],
)
def test_numbers_begin_where_the_originals_do_and_count_up(database, counter, first):
    assert [count(database, counter) for _ in range(3)] == [first, first + 1, first + 2]


def test_no_two_callers_get_the_same_number(database):
    counters = [*Counter] * 60
    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(lambda each: (each, count(database, each)), counters))
    assert len(set(numbers)) == len(counters)
    of_runs = sorted(number for counter, number in numbers if counter is Counter.RUN_NUMBER)
    assert of_runs == list(range(100010, 100070))


def test_a_number_that_was_not_committed_is_given_again(database):
    with transaction(database.web_engine) as session:
        counters.next_number(session, Counter.RUN_NUMBER)
        session.rollback()
    assert count(database, Counter.RUN_NUMBER) == 100010


def test_the_state_has_the_keys_of_the_original_s_and_goes_on_from_its_numbers(database):
    with transaction(database.ops_engine) as session:
        session.add(PersistentState(id=1, state_data={"next_run_number": 100500, "more": 1}))
    assert count(database, Counter.RUN_NUMBER) == 100500
    count(database, Counter.AGENT_ID)
    with transaction(database.ops_engine) as session:
        state = session.get_one(PersistentState, 1).state_data
    times = {"last_run_start_time", "last_agent_registration_time"}
    assert all(datetime.fromisoformat(state.pop(each)).tzinfo for each in times)
    assert state == {
        "next_run_number": 100501,
        "last_run_number": 100500,
        "next_agent_id": 2,
        "last_agent_id": 1,
        "more": 1,
    }


@pytest.mark.parametrize("state", [[], "x", None, {"next_run_number": "x"}])
def test_a_state_that_somebody_spoiled_begins_anew(database, state):
    with transaction(database.ops_engine) as session:
        session.execute(insert(PersistentState).values(id=1, state_data=state))
    assert [count(database, Counter.RUN_NUMBER) for _ in range(2)] == [100010, 100011]


# ------------------------------------------------------------------ heartbeats


def test_a_first_heartbeat_makes_the_agent_with_the_defaults_of_the_original(database):
    (heard,) = beat(database, AT, {})
    row = agent(database)
    assert heard == Heard(row.id, is_new=True)
    assert (row.agent_type, row.description, row.status) == ("other", "", "OK")
    assert (row.operational_state, row.workflow_enabled) == ("STARTING", True)
    assert row.last_heartbeat == row.created_at == AT


def test_what_a_heartbeat_does_not_carry_stays(database):
    everything = {
        "agent_type": "DATA", "description": "d", "status": "WARNING", "agent_url": "http://a",
        "workflow_enabled": False, "current_stf_count": 2, "total_stf_processed": 9,
        "operational_state": "READY", "namespace": "n", "metadata": {"k": 1},
        "mq_connected": True, **HERE,
    }  # fmt: skip
    beat(database, AT, everything)
    assert beat(database, AT + MINUTE, {"status": "OK"}) == [Heard(agent(database).id, False)]
    row = agent(database)
    kept = {name: getattr(row, "meta" if name == "metadata" else name) for name in everything}
    assert kept == everything | {"status": "OK"}
    assert row.last_heartbeat == AT + MINUTE


def test_null_clears_a_namespace_and_an_address_and_nothing_else(database):
    beat(database, AT, {"namespace": "n", "agent_url": "u", "agent_type": "DATA", **HERE})
    beat(database, AT, {"namespace": None, "agent_url": None, "agent_type": None, "pid": None})
    row = agent(database)
    assert (row.namespace, row.agent_url, row.agent_type, row.pid) == (None, None, "DATA", 7)


def test_an_agent_that_said_that_it_exited_has(database):
    beat(database, AT, HERE | {"status": "EXITED", "operational_state": "EXITED"})
    beat(database, AT + MINUTE, HERE | {"status": "WARNING", "description": "MQ: disconnected"})
    row = agent(database)
    assert (row.status, row.description) == ("EXITED", "")
    assert (row.last_heartbeat, row.updated_at) == (AT + MINUTE, AT)


@pytest.mark.parametrize(
    "said",
    [
        HERE | {"status": "OK"},
        {"pid": 8, "hostname": "here", "status": "WARNING"},
        {"pid": 7, "hostname": "there", "status": "WARNING"},
    ],
)
def test_another_process_or_an_agent_that_is_well_is_not_held_exited(database, said):
    beat(database, AT, HERE | {"status": "EXITED", "operational_state": "EXITED"})
    beat(database, AT + MINUTE, said | {"operational_state": "READY"})
    row = agent(database)
    assert (row.status, row.operational_state) == (said["status"], "READY")
    assert row.other_heartbeat is None


@pytest.mark.parametrize("other", [{"pid": 8}, {"hostname": "there"}])
def test_another_process_of_the_name_is_remembered_as_it_was_heard(database, other):
    beat(database, AT, HERE)
    beat(database, AT + MINUTE, HERE | other)
    row = agent(database)
    assert (row.other_pid, row.other_hostname, row.other_heartbeat) == (7, "here", AT)
    beat(database, AT + 2 * MINUTE, HERE | other)
    assert agent(database).other_heartbeat == AT
    beat(database, AT + 3 * MINUTE, HERE)
    assert agent(database).other_heartbeat == AT + 2 * MINUTE


def test_heartbeats_of_one_batch_count_in_their_order(database):
    first, second = beat(database, AT, {"status": "OK"}, {"status": "ERROR", "pid": 3})
    assert (first.id, first.is_new, second.is_new) == (second.id, True, False)
    assert (agent(database).status, agent(database).pid) == ("ERROR", 3)


# ------------------------------------------------------------------ log records

RECORD = {
    "app_name": "base_agent", "instance_name": "a", "timestamp": AT, "level": 20,
    "levelname": "INFO", "message": 'ümlaut \\ "', "module": "m", "funcname": "f", "lineno": 1,
    "process": 2, "thread": 2**47, "extra_data": {"run_id": "1"},
}  # fmt: skip


def test_log_records_are_stored_as_they_are_and_their_ids_are_in_order(database):
    with transaction(database.web_engine) as session:
        ids = repository.add_logs(session, [RECORD, RECORD | {"extra_data": None}])
    with transaction(database.ops_engine) as session:
        rows = session.scalars(select(AppLog).order_by(AppLog.id)).all()
    assert [row.id for row in rows] == ids
    assert {name: getattr(rows[0], name) for name in RECORD} == RECORD
    assert rows[1].extra_data is None


def test_the_newest_log_records_are_kept(database):
    with transaction(database.web_engine) as session:
        ids = repository.add_logs(session, [RECORD] * 10)
        assert repository.trim_logs(session, 4) == 6
    with transaction(database.ops_engine) as session:
        assert list(session.scalars(select(AppLog.id).order_by(AppLog.id))) == ids[-4:]


# ------------------------------------------------------------------ namespaces


def test_a_namespace_is_made_once_and_stays_as_it_is(database):
    with transaction(database.web_engine) as session:
        made = repository.ensure_namespace(session, "n", "me", "mine")
        again = repository.ensure_namespace(session, "n", "you", "yours")
        assert [made[1], again[1]] == [True, False]
        assert (again[0].owner, again[0].description) == ("me", "mine")
        assert session.scalar(text("SELECT count(*) FROM swf_namespace")) == 1
