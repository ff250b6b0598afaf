"""Requests of another pool's actions: handed over, looked after, and taken back."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from prefect.client.schemas.objects import State
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Crashed, Failed, Pending, Running, Scheduled
from sqlalchemy import Engine

from deployments.other_pools.dispatching import Dispatcher
from deployments.other_pools.taking import UNPREPARED
from flows.common import cancellations, handovers
from flows.common.callers import on_ops_side
from flows.common.database import now, transaction
from flows.common.models import Request, RequestState
from tests.cases import same
from tests.databases import Database
from tests.support.handovers import POOL, process_of, requested, row, store_of

pytestmark = pytest.mark.integration

START_SECONDS = 60.0
LONG_AGO = now() - timedelta(seconds=2 * START_SECONDS)
LATER = now() + timedelta(days=1)  # a test runs long after it was collected


class Prefect:
    """A pool, and the runs that were made in it."""

    def __init__(self) -> None:
        self.pool: Any = SimpleNamespace(is_paused=False)
        self.runs: dict[uuid.UUID, Any] = {}
        self.keys: dict[int, uuid.UUID] = {}
        self.client = SimpleNamespace(read_work_pool=self.read_pool)

    async def read_pool(self, name: str) -> Any:
        if self.pool is None:
            raise ObjectNotFound(Exception(name))
        return self.pool

    async def create(self, request: Request) -> Any:
        made = self.keys.setdefault(request.id, uuid.uuid4())
        self.runs.setdefault(made, SimpleNamespace(id=made, state=Scheduled()))
        return self.runs[made]

    async def read(self, ids: Sequence[uuid.UUID]) -> list[Any]:
        return [self.runs[each] for each in ids if each in self.runs]

    async def force(self, run: uuid.UUID, state: State[Any]) -> None:
        self.runs[run].state = state


@pytest.fixture
def engine(database: Database) -> Engine:
    return database.ops_engine


@pytest.fixture
def prefect() -> Prefect:
    return Prefect()


@pytest.fixture
def dispatcher(engine: Engine, prefect: Prefect) -> Dispatcher:
    return Dispatcher(
        pool=POOL, actions=frozenset({"check_pipeline"}), flow_runs=prefect,
        store=store_of(engine, handovers.holder(POOL)), start_seconds=START_SECONDS,
    )  # fmt: skip


def hand_over(dispatcher: Dispatcher, engine: Engine) -> Request:
    request_id = requested(engine)
    asyncio.run(dispatcher.hand_over())
    return row(engine, request_id)


def after(dispatcher: Dispatcher, engine: Engine, request: Request) -> Request:
    """The request after a look."""
    asyncio.run(dispatcher.look_after())
    return row(engine, request.id)


def test_a_request_of_the_pools_actions_is_held_for_it_and_others_are_left(dispatcher, engine):
    other = requested(engine, "prune_history")
    request = hand_over(dispatcher, engine)
    assert (request.state, request.worker) == (RequestState.CLAIMED, "pool:elsewhere")
    assert row(engine, other).state == RequestState.QUEUED


@pytest.mark.parametrize("pool", [None, SimpleNamespace(is_paused=True)])
def test_where_the_pool_is_not_there_or_paused_it_stays_in_the_queue(
    dispatcher, engine, prefect, pool
):
    prefect.pool = pool
    assert hand_over(dispatcher, engine).state == RequestState.QUEUED


def test_what_waits_for_its_process_is_held_on(dispatcher, engine):
    request = hand_over(dispatcher, engine)
    found = after(dispatcher, engine, request)
    assert found.state == RequestState.CLAIMED
    assert found.lease_until > request.lease_until


def test_a_run_whose_making_was_not_answered_is_noted_later(dispatcher, engine, prefect):
    request = hand_over(dispatcher, engine)
    with transaction(engine) as session:
        session.get_one(Request, request.id).flow_run_id = None
    found = after(dispatcher, engine, request)
    assert found.flow_run_id == prefect.keys[request.id]


@pytest.mark.parametrize(
    ("state", "became"),
    same(
        (None, "queued"),
        (Crashed(message="no node"), "queued"),
        (Cancelled(message="by me"), "cancelled"),
        (Failed(name=UNPREPARED, message="no database"), "failed"),
        (Failed(message="Prefect answered 500"), "queued"),
        (Pending(timestamp=LONG_AGO), "queued"),
        (Running(timestamp=LONG_AGO), "queued"),
        (Pending(timestamp=LATER), "claimed"),
        (Scheduled(timestamp=LONG_AGO), "claimed"),
    ),
)
def test_what_no_process_will_take_is_taken_back(dispatcher, engine, prefect, state, became):
    request = hand_over(dispatcher, engine)
    if state is None:
        prefect.runs.clear()
    else:
        prefect.runs[request.flow_run_id].state = state
    assert after(dispatcher, engine, request).state == became


def test_a_cancelled_request_cancels_its_run(dispatcher, engine, prefect):
    request = hand_over(dispatcher, engine)
    with transaction(engine) as session:
        cancellations.ask(session, request.id, caller=on_ops_side("me"), reason="")
    assert after(dispatcher, engine, request).state == RequestState.CANCELLED
    assert prefect.runs[request.flow_run_id].state.is_cancelled()


def test_what_its_process_has_taken_is_left_to_it(dispatcher, engine, prefect):
    request = hand_over(dispatcher, engine)
    claim = handovers.Claim(request.id, request.attempts, request.flow_run_id)
    with transaction(engine) as session:
        handovers.take(session, claim, worker=process_of(engine).worker, lease_seconds=9)
    prefect.runs.clear()
    assert after(dispatcher, engine, request).state == RequestState.RUNNING


def test_what_a_process_works_on_for_too_long_is_ended(dispatcher, engine, prefect):
    request = hand_over(dispatcher, engine)
    with transaction(engine) as session:
        taken = session.get_one(Request, request.id)
        taken.state, taken.worker = RequestState.RUNNING, process_of(engine).worker
        taken.started_at = now() - timedelta(days=1)
    found = after(dispatcher, engine, request)
    assert (found.state, prefect.runs[request.flow_run_id].state.name) == ("failed", "TimedOut")
