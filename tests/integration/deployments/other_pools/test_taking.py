"""Which request the process of a run works under; of several processes one takes it."""

from __future__ import annotations

import uuid
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from prefect.exceptions import Abort
from sqlalchemy import Engine

from deployments.other_pools import taking
from deployments.worker.request_store import Ending, NoRoom
from flows.common import actions, handovers
from flows.common.claims import Claim
from flows.common.database import transaction
from flows.common.models import RequestState
from tests.databases import Database
from tests.support.handovers import (
    a_run,
    handed_over,
    process_of,
    requested,
    row,
    run_of,
    store_of,
    the_only,
)

pytestmark = pytest.mark.integration

CHECK = actions.get("check_pipeline")
PRUNE = actions.get("prune_history")


@pytest.fixture
def engine(database: Database) -> Engine:
    return database.ops_engine


@pytest.fixture
def labels(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names that runs are given at Prefect."""
    given: list[str] = []

    @contextmanager
    def client() -> Any:
        yield SimpleNamespace(update_flow_run=lambda _id, name, tags: given.append(name))

    monkeypatch.setattr(taking, "quick_client", client)
    return given


def test_the_process_of_a_run_takes_its_request(engine):
    claim = handed_over(engine)
    assert taking.take(process_of(engine), CHECK, run_of(claim)) == claim
    found = row(engine, claim.request_id)
    assert (found.state, found.worker) == (RequestState.RUNNING, "pool:elsewhere host:1")


def test_of_two_processes_of_a_run_the_second_ends_without_a_change(engine):
    claim = handed_over(engine)
    taking.take(process_of(engine, 1), CHECK, run_of(claim))
    with pytest.raises(Abort):
        taking.take(process_of(engine, 2), CHECK, run_of(claim))
    assert row(engine, claim.request_id).worker == "pool:elsewhere host:1"


def test_what_the_warm_worker_holds_is_left_to_it(engine):
    claim = handed_over(engine, worker="prodops-worker@here")
    with pytest.raises(Abort):
        taking.take(process_of(engine), CHECK, run_of(claim))
    assert row(engine, claim.request_id).state == RequestState.CLAIMED


@pytest.mark.parametrize("attempt", [0, 2])
def test_a_run_of_another_attempt_is_over(engine, attempt):
    claim = handed_over(engine)
    other = Claim(claim.request_id, attempt, uuid.uuid4())
    with pytest.raises(taking.Ended) as ended:
        taking.take(process_of(engine), CHECK, run_of(other))
    assert ended.value.state.is_cancelled()
    assert row(engine, claim.request_id).state == RequestState.CLAIMED


def test_a_process_that_comes_after_the_end_leaves_the_run_as_it_ended(engine):
    claim = handed_over(engine)
    store = process_of(engine)
    taking.take(store, CHECK, run_of(claim))
    store.conclude(claim, Ending(state=RequestState.COMPLETED))
    with pytest.raises(taking.Ended) as ended:
        taking.take(process_of(engine, 2), CHECK, run_of(claim))
    assert ended.value.state.is_completed()


def test_what_was_withdrawn_is_taken_by_no_process(engine):
    claim = handed_over(engine)
    with transaction(engine) as session:
        assert handovers.withdraw(session, claim, worker="withdrawn")
    with pytest.raises(Abort):
        taking.take(process_of(engine), CHECK, run_of(claim))


def test_a_run_that_somebody_started_in_prefect_gets_a_request_and_its_name(engine, labels):
    run = a_run()
    claim = taking.take(process_of(engine), PRUNE, run)
    found = the_only(engine)
    assert (found.state, found.source, found.flow_run_id) == ("running", "prefect", run.id)
    assert labels == [f"prune history #{claim.request_id}"]


def test_a_second_process_of_such_a_run_ends_without_a_change(engine, labels):
    run = a_run()
    taking.take(process_of(engine, 1), PRUNE, run)
    with pytest.raises(Abort):
        taking.take(process_of(engine, 2), PRUNE, run)
    assert the_only(engine).worker == "pool:elsewhere host:1"


def test_where_an_equal_request_is_open_the_run_joins_it(engine):
    open_one = requested(engine, "prune_history")
    with pytest.raises(taking.Ended, match=f"joined request {open_one}"):
        taking.take(process_of(engine), PRUNE, a_run())


def test_where_there_is_no_room_it_is_started_again_later(engine, monkeypatch):
    monkeypatch.setattr("flows.common.capacity.room_for", lambda *_: 0)
    run, states = a_run(), []
    with pytest.raises(NoRoom) as full:
        taking.take(process_of(engine), CHECK, run)
    client = SimpleNamespace(set_flow_run_state=lambda _id, state, force: states.append(state))
    with pytest.raises(Abort):
        taking.start_later(client, run, str(full.value))
    assert (states[0].type.value, states[0].name) == ("SCHEDULED", "AwaitingRoom")


def test_parameters_that_are_not_of_the_form_end_the_run_in_one_line(engine):
    with pytest.raises(taking.Ended) as ended:
        taking.take(store_of(engine, "p"), PRUNE, a_run(parameters={"days": 1}))
    assert ended.value.state.name == "Invalid"
