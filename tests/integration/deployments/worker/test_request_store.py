"""The worker's paperwork: what is held stays below the ceiling, what was lost gets its due end."""

from __future__ import annotations

import dataclasses
import threading
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, func, select, text
from sqlalchemy.orm import Session

from blocks.errors import Invalid
from deployments.worker.request_store import (
    Ending,
    NoRoom,
    RequestStore,
    attempt_of,
    idempotency_key,
)
from flows.common import actions, cancellations, holding, requests
from flows.common.callers import on_ops_side
from flows.common.claims import Claim
from flows.common.database import now, transaction
from flows.common.events import NewEvent
from flows.common.models import HELD, Event, Request, RequestState
from flows.common.settings import WorkerSettings, settings
from flows.fastmon.actions import SampleStfs
from flows.submission.models import SubmissionAttempt
from tests.databases import Database

pytestmark = pytest.mark.integration

SETTINGS = WorkerSettings(max_attempts=3, lease_seconds=60)
LOST = Ending(state=None, error="lost")
NOTHING_DONE = Ending(state=None, error="Prefect was away", is_unbegun=True)
THREADS = 12
CEILING = 3


@pytest.fixture
def engine(database: Database) -> Engine:
    return database.engine("ops", pool_size=THREADS)


@pytest.fixture
def store(engine: Engine) -> RequestStore:
    return RequestStore(engine, SETTINGS, "worker@here")


def request(engine: Engine, action: str = "check_pipeline", **parameters: str) -> int:
    wanted = actions.get(action)
    with transaction(engine) as session:
        form = wanted.parse(parameters)
        return requests.accept(session, wanted, form, caller=on_ops_side("me"), source="test").id


def take(store: RequestStore) -> Claim:
    (claimed,) = store.claim(1, None)
    return Claim(claimed.id, claimed.attempts, uuid.uuid4())


def row(engine: Engine, request_id: int) -> Request:
    with transaction(engine) as session:
        return requests.get(session, request_id)


def make_due(engine: Engine) -> None:
    with transaction(engine) as session:
        for each in session.scalars(select(Request)):
            each.not_before = None


def test_an_attempts_key_comes_back_as_its_attempt(engine: Engine, store: RequestStore):
    request(engine)
    (claimed,) = store.claim(1, None)
    assert attempt_of(idempotency_key(claimed)) == Claim(claimed.id, 1)
    assert [attempt_of(key) for key in (None, "", "x:1", "1:2:3")] == [None] * 4


def test_what_was_not_begun_waits_again_whatever_its_action_and_however_often(
    engine: Engine, store: RequestStore
):
    request_id = request(engine)
    for attempt in range(1, SETTINGS.max_attempts + 2):
        assert store.conclude(take(store), NOTHING_DONE) == RequestState.QUEUED
        found = row(engine, request_id)
        assert (found.attempts, found.error) == (attempt, "Prefect was away")
        make_due(engine)


def test_a_lost_run_that_may_not_be_repeated_fails(engine: Engine, store: RequestStore):
    request(engine)
    assert store.conclude(take(store), LOST) == RequestState.FAILED


def test_a_lost_run_is_repeated_up_to_its_attempts_and_its_failure_announced(
    engine: Engine, store: RequestStore
):
    request(engine, "sample_stfs", namespace="ns")
    became = []
    for _ in range(SETTINGS.max_attempts):
        became.append(store.conclude(take(store), LOST))
        make_due(engine)
    assert became == [RequestState.QUEUED, RequestState.QUEUED, RequestState.FAILED]
    with transaction(engine) as session:
        (event,) = session.scalars(select(Event))
    assert (event.msg_type, event.payload["status"]) == ("fastmon_status", "failed")


def test_an_end_that_the_flow_wrote_itself_is_not_written_over(engine: Engine, store: RequestStore):
    request_id = request(engine)
    holder = take(store)
    with transaction(engine) as session:
        holding.finish(session, holder, RequestState.COMPLETED, result={"done": 1})
    assert store.conclude(holder, LOST) is None
    assert row(engine, request_id).result == {"done": 1}


def test_an_attempt_is_given_up_once_no_worker_holds_it(engine: Engine, store: RequestStore):
    request(engine, "sample_stfs", namespace="ns")
    first = take(store)
    other = RequestStore(engine, SETTINGS, "other@there")
    assert not other.is_given_up(first)
    store.conclude(first, NOTHING_DONE)
    assert other.is_given_up(first)
    make_due(engine)
    second = take(other)
    assert (store.is_given_up(first), store.is_given_up(second)) == (True, False)
    assert store.is_given_up(Claim(99_999, 1))


def test_claimed_and_adopted_together_never_pass_the_ceiling(engine: Engine, store: RequestStore):
    for _ in range(THREADS):
        request(engine)
    gate = threading.Barrier(THREADS)

    def work(index: int) -> int:
        gate.wait()
        if index % 2:
            return len(store.claim(2, CEILING))
        try:
            return int(adopt(store) is not None)
        except NoRoom:
            return 0

    with ThreadPoolExecutor(THREADS) as pool:
        taken = sum(pool.map(work, range(THREADS)))
    with transaction(engine) as session:
        held = session.scalar(select(func.count()).where(Request.state.in_(HELD)))
    assert taken == held == CEILING


def adopt(store: RequestStore, **parameters: str) -> Request | None:
    action = actions.get("check_pipeline")
    return store.adopt(action, parameters, uuid.uuid4(), CEILING)


def test_a_run_that_the_poll_brings_to_two_workers_gets_one_request(
    engine: Engine, store: RequestStore
):
    action, run = actions.get("check_pipeline"), uuid.uuid4()
    other = RequestStore(engine, store.settings, "other@there")
    made = store.adopt(action, {}, run, CEILING)
    with pytest.raises(NoRoom, match="another worker has the run"):
        other.adopt(action, {}, run, CEILING)
    with transaction(engine) as session:
        assert session.scalars(select(Request.id)).all() == [made.id]


def test_a_run_with_parameters_of_no_form_is_not_adopted(engine: Engine, store: RequestStore):
    with pytest.raises(Invalid, match="surprise"):
        adopt(store, surprise="1")
    with transaction(engine) as session:
        assert session.scalar(select(Request.id)) is None


def test_a_worker_recovers_only_what_nobody_renews(engine: Engine, store: RequestStore):
    request(engine)
    holder = take(store)
    other = RequestStore(engine, WorkerSettings(lease_seconds=60), "other@there")
    assert other.overdue([])[1] == []
    with transaction(engine) as session:
        requests.get(session, holder.request_id).lease_until = now() - timedelta(seconds=1)
    _, silent = other.overdue([])
    store.renew([holder])
    assert other.take_over(silent) == []
    with transaction(engine) as session:
        requests.get(session, holder.request_id).lease_until = now() - timedelta(seconds=1)
    assert [each.id for each in other.take_over(other.overdue([])[1])] == [holder.request_id]
    assert other.overdue([])[1] == []


# ------------------------------------------------------------------ what may have had its effect


def doubtful(engine: Engine) -> int:
    return request(engine, "submit_task", task_name="t")


def due_now(engine: Engine) -> None:
    with transaction(engine) as session:
        for each in session.scalars(select(Request)):
            each.not_before = now()


@pytest.mark.parametrize(
    "ending",
    [
        LOST,
        Ending(state=RequestState.FAILED, error="the flow failed"),
        Ending(state=RequestState.CANCELLED, error="cancelled"),
    ],
)
def test_a_run_that_may_have_had_its_effect_leaves_the_request_unknown_not_failed(
    engine: Engine, store: RequestStore, ending: Ending
):
    request_id = doubtful(engine)
    assert store.conclude(take(store), ending) == RequestState.UNKNOWN
    found = row(engine, request_id)
    assert (found.state, found.error, found.finished_at) == ("unknown", ending.error, None)


@pytest.mark.parametrize("sends", [0, 1])
def test_a_lost_submission_is_told_unknown_once_something_may_have_been_sent(
    engine: Engine, store: RequestStore, sends: int
):
    request_id = doubtful(engine)
    holder = take(store)
    with transaction(engine) as session:
        names = {"task_name": "t", "panda_name": "p", "owner": "me"}
        session.add(SubmissionAttempt(request_id=request_id, sends=sends, **names))
    store.conclude(holder, LOST)
    with transaction(engine) as session:
        told = [event.msg_type for event in session.scalars(select(Event))]
    assert told == ["prodtask_submit_unknown"] * sends


def test_what_is_unknown_is_looked_into_again_however_often(engine: Engine, store: RequestStore):
    request_id = doubtful(engine)
    for attempt in range(1, SETTINGS.max_attempts + 3):
        holder = take(store)
        assert holder == Claim(request_id, attempt, holder.flow_run_id)
        assert store.conclude(holder, LOST) == RequestState.UNKNOWN
        due_now(engine)


def test_what_is_unknown_waits_for_its_time(engine: Engine, store: RequestStore):
    doubtful(engine)
    holder = take(store)
    with transaction(engine) as session:
        holding.put_off(session, holder, error="not known", delay_seconds=60)
    assert store.claim(8, None) == []


def test_an_unknown_request_is_joined_not_doubled(engine: Engine, store: RequestStore):
    request_id = doubtful(engine)
    store.conclude(take(store), LOST)
    assert doubtful(engine) == request_id


def test_a_cancellation_ends_one_run_and_leaves_the_finding_out_alone(
    engine: Engine, store: RequestStore
):
    request_id = doubtful(engine)
    holder = take(store)
    with transaction(engine) as session:
        cancellations.ask(session, request_id, caller=on_ops_side("me"), reason="no")
    assert store.cancelled([request_id]) == [request_id]
    store.conclude(holder, Ending(state=RequestState.CANCELLED, error="cancelled"))
    due_now(engine)
    take(store)
    assert store.cancelled([request_id]) == []


def test_a_queued_submission_is_called_off_for_good_before_anything_was_sent(
    engine: Engine, store: RequestStore
):
    request_id = doubtful(engine)
    with transaction(engine) as session:
        cancellations.ask(session, request_id, caller=on_ops_side("me"), reason="no")
    assert store.claim(8, None) == []
    assert row(engine, request_id).state == RequestState.CANCELLED
    with transaction(engine) as session:
        (event,) = session.scalars(select(Event))
    assert event.msg_type == "prodtask_submit_failed"
    assert "nothing was sent" in event.payload["reason"]


# ------------------------------------------------------------------ ceilings of an action


def test_no_more_submissions_are_held_than_may_be_at_a_time(engine: Engine, store: RequestStore):
    limit = settings().submission.limit
    for number in range(limit + 3):
        request(engine, "submit_task", task_name=f"t{number}")
    other_work = request(engine)
    claimed = store.claim(100, None)
    assert [each.action for each in claimed].count("submit_task") == limit
    assert other_work in {each.id for each in claimed}
    assert RequestStore(engine, SETTINGS, "other@there").claim(100, None) == []


def test_the_room_of_an_ended_submission_is_the_next_ones(engine: Engine, store: RequestStore):
    for number in range(settings().submission.limit + 1):
        request(engine, "submit_task", task_name=f"t{number}")
    first, *_ = store.claim(100, None)
    with transaction(engine) as session:
        holder = Claim(first.id, first.attempts)
        holding.finish(session, holder, RequestState.COMPLETED)
    assert len(store.claim(100, None)) == 1


def test_concurrent_workers_together_hold_no_more_than_may_be_at_a_time(engine: Engine):
    for number in range(30):
        request(engine, "submit_task", task_name=f"t{number}")
    desks = [RequestStore(engine, SETTINGS, f"worker{number}") for number in range(THREADS)]
    with ThreadPoolExecutor(THREADS) as pool:
        claims = list(pool.map(lambda store: store.claim(8, None), desks))
    assert sum(map(len, claims)) == settings().submission.limit


def test_a_request_is_not_claimed_again_while_the_process_of_its_last_run_is_ending(
    engine: Engine, store: RequestStore
):
    request_id = doubtful(engine)
    store.conclude(take(store), LOST)
    due_now(engine)
    assert store.claim(8, None, ending=[request_id]) == []
    assert [each.id for each in store.claim(8, None)] == [request_id]


# ------------------------------------------------------------------ one bad row


def broken(*_: object) -> None:
    raise TypeError("this callback is broken")


def breaks_in_sql(session: Session, *_: object) -> Sequence[NewEvent]:
    session.execute(text("SELECT 1 / 0"))
    return ()


@pytest.fixture
def change(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Give an action another callback, for this test."""

    def change(name: str, **changes: Any) -> None:
        known = actions.all_actions()
        monkeypatch.setitem(known, name, dataclasses.replace(known[name], **changes))

    return change


@pytest.mark.parametrize("ended", [broken, pytest.param(breaks_in_sql, marks=pytest.mark.slow)])
def test_a_request_ends_although_its_end_cannot_be_announced_and_says_so(
    engine: Engine, store: RequestStore, change: Callable[..., None], ended: Callable[..., Any]
):
    change("check_pipeline", ended=ended)
    request_id = request(engine)
    assert store.conclude(take(store), LOST) == RequestState.FAILED
    error = row(engine, request_id).error or ""
    assert error.startswith("lost; its end could not be announced")


def test_one_cancelled_request_that_cannot_be_announced_keeps_no_other_from_being_claimed(
    engine: Engine, store: RequestStore
):
    with transaction(engine) as session:
        shapeless = Request(action="sample_stfs", parameters=[], requested_by="me", source="test")
        strange = Request(action="no_such", parameters={}, requested_by="me", source="test")
        session.add_all([shapeless, strange])
        session.flush()
        bad = [shapeless.id, strange.id]
        for each in bad:
            cancellations.ask(session, each, caller=on_ops_side("me"), reason="")
    good = request(engine)
    assert [each.id for each in store.claim(8, None)] == [good]
    assert [row(engine, each).state for each in bad] == [RequestState.CANCELLED] * 2


def test_a_request_of_no_form_is_rejected_for_good_whatever_its_action(
    engine: Engine, store: RequestStore
):
    request_id = doubtful(engine)
    store.reject(take(store), "its parameters are not of the action's form")
    found = row(engine, request_id)
    assert (found.state, found.error) == ("failed", "its parameters are not of the action's form")
    store.reject(Claim(request_id, 7), "an attempt that was given up writes nothing")
    assert row(engine, request_id).error == "its parameters are not of the action's form"


@pytest.mark.parametrize("callback", ["owed", "gate", "subject"])
def test_an_action_whose_debts_cannot_be_paid_keeps_no_other_from_it(
    engine: Engine, store: RequestStore, change: Callable[..., None], callback: str
):
    change("check_pipeline", **{"owed": lambda _: [actions.Nothing()], callback: broken})
    change("sample_stfs", owed=lambda _: [SampleStfs(namespace="ns")])
    (opened,) = store.open_owed()
    assert row(engine, opened).action == "sample_stfs"
