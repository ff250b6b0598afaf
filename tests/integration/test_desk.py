"""The worker's paperwork: what is held stays below the ceiling, what was lost gets its due end."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, func, select

from deployments.worker.desk import Desk, Ending, NoRoom, attempt_of, idempotency_key
from flows.common import actions, requests
from flows.common.actions import BadParameters
from flows.common.database import make_engine, transaction
from flows.common.models import HELD, Event, Request, RequestState
from flows.common.requests import Holder
from flows.common.settings import WorkerSettings
from tests.conftest import Database

pytestmark = pytest.mark.integration

SETTINGS = WorkerSettings(max_attempts=3, lease_seconds=60)
LOST = Ending(state=None, error="lost")
NOTHING_DONE = Ending(state=None, error="Prefect was away", is_unbegun=True)
THREADS = 12
CEILING = 3


@pytest.fixture
def engine(database: Database) -> Iterator[Engine]:
    engine = make_engine(database.ops_url, passfile=database.ops_passfile, pool_size=THREADS)
    yield engine
    engine.dispose()


@pytest.fixture
def desk(engine: Engine) -> Desk:
    return Desk(engine, SETTINGS, "worker@here")


def request(engine: Engine, action: str = "check_pipeline", **parameters: str) -> int:
    wanted = actions.get(action)
    with transaction(engine) as session:
        form = wanted.parse(parameters)
        return requests.accept(session, wanted, form, requested_by="me", source="test").id


def take(desk: Desk) -> Holder:
    (claimed,) = desk.claim(1, None)
    return Holder(claimed.id, claimed.attempts, uuid.uuid4())


def row(engine: Engine, request_id: int) -> Request:
    with transaction(engine) as session:
        return requests.get(session, request_id)


def make_due(engine: Engine) -> None:
    with transaction(engine) as session:
        for each in session.scalars(select(Request)):
            each.not_before = None


def test_an_attempts_key_comes_back_as_its_attempt(engine: Engine, desk: Desk):
    request(engine)
    (claimed,) = desk.claim(1, None)
    assert attempt_of(idempotency_key(claimed)) == Holder(claimed.id, 1)
    assert [attempt_of(key) for key in (None, "", "x:1", "1:2:3")] == [None] * 4


def test_what_was_not_begun_waits_again_whatever_its_action_and_however_often(
    engine: Engine, desk: Desk
):
    request_id = request(engine)
    for attempt in range(1, SETTINGS.max_attempts + 2):
        assert desk.conclude(take(desk), NOTHING_DONE) == RequestState.QUEUED
        found = row(engine, request_id)
        assert (found.attempts, found.error) == (attempt, "Prefect was away")
        make_due(engine)


def test_a_lost_run_that_may_not_be_repeated_fails(engine: Engine, desk: Desk):
    request(engine)
    assert desk.conclude(take(desk), LOST) == RequestState.FAILED


def test_a_lost_run_is_repeated_up_to_its_attempts_and_its_failure_announced(
    engine: Engine, desk: Desk
):
    request(engine, "sample_stfs", namespace="ns")
    became = []
    for _ in range(SETTINGS.max_attempts):
        became.append(desk.conclude(take(desk), LOST))
        make_due(engine)
    assert became == [RequestState.QUEUED, RequestState.QUEUED, RequestState.FAILED]
    with transaction(engine) as session:
        (event,) = session.scalars(select(Event))
    assert (event.msg_type, event.payload["status"]) == ("fastmon_status", "failed")


def test_an_end_that_the_flow_wrote_itself_is_not_written_over(engine: Engine, desk: Desk):
    request_id = request(engine)
    holder = take(desk)
    with transaction(engine) as session:
        requests.finish(session, holder, RequestState.COMPLETED, result={"done": 1})
    assert desk.conclude(holder, LOST) is None
    assert row(engine, request_id).result == {"done": 1}


def test_an_attempt_is_given_up_once_no_worker_holds_it(engine: Engine, desk: Desk):
    request(engine, "sample_stfs", namespace="ns")
    first = take(desk)
    other = Desk(engine, SETTINGS, "other@there")
    assert not other.is_given_up(first)
    desk.conclude(first, NOTHING_DONE)
    assert other.is_given_up(first)
    make_due(engine)
    second = take(other)
    assert (desk.is_given_up(first), desk.is_given_up(second)) == (True, False)
    assert desk.is_given_up(Holder(99_999, 1))


def test_claimed_and_adopted_together_never_pass_the_ceiling(engine: Engine, desk: Desk):
    for _ in range(THREADS):
        request(engine)
    gate = threading.Barrier(THREADS)

    def work(index: int) -> int:
        gate.wait()
        if index % 2:
            return len(desk.claim(2, CEILING))
        try:
            return int(adopt(desk) is not None)
        except NoRoom:
            return 0

    with ThreadPoolExecutor(THREADS) as pool:
        taken = sum(pool.map(work, range(THREADS)))
    with transaction(engine) as session:
        held = session.scalar(select(func.count()).where(Request.state.in_(HELD)))
    assert taken == held == CEILING


def adopt(desk: Desk, **parameters: str) -> Request | None:
    action = actions.get("check_pipeline")
    return desk.adopt(action, parameters, uuid.uuid4(), CEILING)


def test_a_run_with_parameters_of_no_form_is_not_adopted(engine: Engine, desk: Desk):
    with pytest.raises(BadParameters, match="surprise"):
        adopt(desk, surprise="1")
    with transaction(engine) as session:
        assert session.scalar(select(Request.id)) is None


def test_a_worker_recovers_only_what_nobody_renews(engine: Engine, desk: Desk):
    request(engine)
    holder = take(desk)
    other = Desk(engine, WorkerSettings(lease_seconds=60), "other@there")
    assert other.expired([]) == []
    with transaction(engine) as session:
        requests.get(session, holder.request_id).lease_until = None
    desk.renew([holder])
    assert other.expired([]) == []
    assert row(engine, holder.request_id).lease_until is not None
