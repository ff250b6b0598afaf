"""Lifecycle messages advance the states of their runs, in the transaction that takes them in."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from flows.common import run_states
from flows.common.database import transaction
from flows.fastmon.intake import Incoming, take_in
from flows.fastmon.models import RunState
from flows.fastmon.schemas import Lifecycle, parse
from tests.databases import Database

pytestmark = pytest.mark.integration

AT = datetime(2026, 8, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
RUN = 100013
IMMINENT = {"msg_type": "run_imminent", "state": "beam", "substate": "not_ready"}
START = {"msg_type": "start_run", "state": "run", "substate": "physics"}
PAUSE = {"msg_type": "pause_run", "state": "run", "substate": "standby"}
END = {"msg_type": "end_run", "total_stf_files": 1}


def advance(database: Database, *bodies: dict[str, Any], at: datetime = AT) -> None:
    messages = [Lifecycle.model_validate({"run_id": str(RUN), **body}) for body in bodies]
    with transaction(database.web_engine) as session:
        run_states.advance(session, messages, at)


def state(database: Database, run: int = RUN) -> RunState:
    with transaction(database.ops_engine) as session:
        return session.get_one(RunState, run)


def words(row: RunState) -> tuple[str, str, str | None]:
    return row.phase, row.state, row.substate


@pytest.mark.parametrize(
    ("bodies", "expected"),
    [
        ([{"msg_type": "run_imminent"}], ("initializing", "imminent", "preparing")),
        ([IMMINENT], ("initializing", "beam", "not_ready")),
        ([IMMINENT, START], ("physics", "run", "physics")),
        ([START, PAUSE], ("physics", "run", "standby")),
        ([START, {"msg_type": "resume_run"}], ("physics", "run", "physics")),
        ([START, END], ("completed", "ended", None)),
        ([END, START], ("completed", "ended", None)),
        ([END], ("completed", "ended", None)),
    ],
)
def test_a_run_goes_through_its_states_in_one_batch_as_in_many(database, bodies, expected):
    advance(database, *bodies)
    for body in bodies:
        advance(database, body | {"run_id": "7"})
    assert words(state(database)) == words(state(database, 7)) == expected


def test_a_message_without_states_leaves_them(database):
    advance(database, START)
    advance(database, {"msg_type": "pause_run"}, at=AT + MINUTE)
    row = state(database)
    assert (words(row), row.state_changed_at) == (("physics", "run", "physics"), AT)
    assert row.updated_at == AT + MINUTE


def test_it_is_noted_when_the_state_changed(database):
    advance(database, START)
    advance(database, END, at=AT + MINUTE)
    assert state(database).state_changed_at == AT + MINUTE


def test_the_execution_is_kept_with_what_agents_wrote(database):
    advance(database, IMMINENT | {"execution_id": "e-1"})
    with transaction(database.ops_engine) as session:
        mine = {"execution_id": "e-1", "more": 1}
        session.execute(update(RunState).values(meta=mine, slices_created=15))
    advance(database, START | {"execution_id": "e-2"})
    row = state(database)
    assert (row.meta, row.slices_created) == ({"execution_id": "e-1", "more": 1}, 15)


def test_runs_that_are_advanced_at_once_from_many_sides_lose_nothing(database):
    sides = [[START | {"run_id": str(run)} for run in order] for order in ([1, 2, 3], [3, 2, 1])]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda bodies: advance(database, *bodies), sides * 20))
        list(pool.map(lambda bodies: advance(database, *bodies, END), sides * 5))
    with transaction(database.ops_engine) as session:
        phases = dict(session.execute(select(RunState.run_number, RunState.phase)).all())
    assert phases == {1: "physics", 2: "physics", 3: "physics", RUN: "completed"}


def test_messages_that_are_taken_in_advance_their_run(database):
    caller = database.caller("agent")
    bodies = [{"run_id": str(RUN), **body} for body in (START, {"msg_type": "stf_gen"}, END)]
    incoming = [Incoming(body, parse(body), caller) for body in bodies]
    take_in(database.web_engine, incoming, source="message")
    assert words(state(database)) == ("completed", "ended", None)
