"""What the thread beside a run does: it renews the lease, and ends the run where it has to."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Engine

from deployments.other_pools import keeping
from deployments.other_pools.keeping import Keeper
from flows.common import cancellations, handovers
from flows.common.callers import on_ops_side
from flows.common.database import transaction
from flows.common.models import Request, RequestState
from tests.databases import Database
from tests.support.handovers import handed_over, process_of, row

pytestmark = pytest.mark.integration


class Ended(BaseException):
    """The process was ended."""


class Process:
    """What was done to the process, and said to Prefect."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.signals: list[int] = []
        self.intents: list[str] = []
        self.states: list[str] = []
        patch.setattr(keeping, "_LOOK_SECONDS", 0.1)
        patch.setattr(keeping.os, "kill", lambda pid, sent: self.signals.append(sent))
        patch.setattr(keeping.control_listener, "_set_intent", self.intents.append)
        patch.setattr(keeping, "quick_client", self.client)
        patch.setattr(keeping, "end_others", lambda: None)
        patch.setattr(keeping.os, "_exit", self.end)

    @contextmanager
    def client(self) -> Any:
        yield SimpleNamespace(
            set_flow_run_state=lambda _id, state, force: self.states.append(state.name)
        )

    def end(self, _code: int) -> None:
        raise Ended


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Process:
    return Process(monkeypatch)


@pytest.fixture
def engine(database: Database) -> Engine:
    return database.ops_engine


def keeper_of(engine: Engine, *, timeout_seconds: float = 60.0) -> Keeper:
    claim = handed_over(engine)
    store = process_of(engine)
    with transaction(engine) as session:
        assert handovers.take(session, claim, worker=store.worker, lease_seconds=1)
    return Keeper(store=store, claim=claim, timeout_seconds=timeout_seconds)


def test_the_lease_is_renewed(engine, process):
    keeper = keeper_of(engine)
    before = row(engine, keeper.claim.request_id).lease_until
    keeper._look()
    assert row(engine, keeper.claim.request_id).lease_until > before
    assert process.signals == []


def test_a_run_whose_request_was_taken_away_is_ended_without_a_word(engine, process):
    keeper = keeper_of(engine)
    with transaction(engine) as session:
        session.get_one(Request, keeper.claim.request_id).attempts += 1
    with pytest.raises(Ended):
        keeper._look()
    assert (process.intents, process.signals) == (["reschedule"], [signal.SIGTERM])
    assert process.states == []


def test_a_cancelled_request_cancels_its_run_at_prefect_and_ends_it_if_nobody_else_does(
    engine, process
):
    keeper = keeper_of(engine)
    with transaction(engine) as session:
        cancellations.ask(
            session, keeper.claim.request_id, caller=on_ops_side("me"), reason="enough"
        )
    with pytest.raises(Ended):
        keeper._look()
    assert (process.states, process.intents) == (["Cancelling", "Cancelled"], ["cancel"])
    assert keeper.is_cancelled
    assert row(engine, keeper.claim.request_id).state == RequestState.CANCELLED


def test_a_run_that_prefects_worker_has_told_to_end_gets_no_second_signal(
    engine, process, monkeypatch
):
    keeper = keeper_of(engine)
    monkeypatch.setattr(keeping.control_listener, "get_intent", lambda: "cancel")
    with pytest.raises(Ended):
        keeper._cancel()
    assert (process.signals, process.intents) == ([], [])
    assert row(engine, keeper.claim.request_id).state == RequestState.CANCELLED


def test_a_run_that_the_engine_cannot_interrupt_ends_at_its_limit(engine, process):
    keeper = keeper_of(engine, timeout_seconds=-1.0)
    with pytest.raises(Ended):
        keeper._look()
    found = row(engine, keeper.claim.request_id)
    assert (process.states, found.state) == (["TimedOut"], "failed")
    assert found.error == "timed out after -1 s"


def test_the_thread_ends_with_the_run(engine, process):
    with keeper_of(engine) as keeper:
        pass
    assert keeper._ended.is_set()
