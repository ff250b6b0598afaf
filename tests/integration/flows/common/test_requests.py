"""Requests on a real PostgreSQL: one at a time for a key, claimed once, fenced, never closed early.

The races are run with real threads and connections, many times over.
"""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import BaseModel
from sqlalchemy import Engine, func, select, text, update

from flows.common import requests
from flows.common.actions import Action, OnLost
from flows.common.claims import Claim, ClaimLost
from flows.common.database import make_engine, transaction
from flows.common.models import Request, RequestState
from flows.common.requests import Accepted
from flows.fastmon import intake, repository
from flows.fastmon.domain import Tally
from flows.fastmon.intake import Incoming
from flows.fastmon.models import InboxState, InboxStf
from flows.fastmon.tasks import LeaseTaken, Sampler
from tests import sampled_run
from tests.databases import Database
from tests.sampled_run import incoming
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

THREADS = 20
LEASE_SECONDS = 60.0


class Thing(BaseModel):
    name: str = "a"
    is_deduplicated: bool = True


ACTION = Action(
    name="test_action",
    summary="Nothing.",
    parameters=Thing,
    dedup_key=lambda thing: thing.name if thing.is_deduplicated else None,
    subject=lambda thing: thing.name,
    timeout_seconds=10,
    on_lost=OnLost.RERUN,
)


@pytest.fixture
def ops(database: Database) -> Iterator[Engine]:
    engine = make_engine(database.ops_url, passfile=database.ops_passfile, pool_size=THREADS)
    yield engine
    engine.dispose()


@pytest.fixture
def web(database: Database) -> Iterator[Engine]:
    engine = make_engine(database.web_url, passfile=database.web_passfile, pool_size=THREADS)
    yield engine
    engine.dispose()


def accept(engine: Engine, name: str = "a", *, is_deduplicated: bool = True) -> Accepted:
    thing = Thing(name=name, is_deduplicated=is_deduplicated)
    with transaction(engine) as session:
        return requests.accept(session, ACTION, thing, requested_by="me", source="test")


def claim(engine: Engine, worker: str = "w", limit: int = 100) -> list[Request]:
    with transaction(engine) as session:
        return requests.claim(session, worker=worker, limit=limit, lease_seconds=LEASE_SECONDS)


def claimed(engine: Engine) -> Claim:
    """A new request, claimed; the attempt that holds it."""
    accept(engine)
    (request,) = claim(engine)
    return Claim(request.id, request.attempts, uuid.uuid4())


def row(engine: Engine, request_id: int) -> Request:
    with transaction(engine) as session:
        return requests.get(session, request_id)


def finish(engine: Engine, holder: Claim, state: RequestState = RequestState.COMPLETED) -> None:
    with transaction(engine) as session:
        requests.finish(session, holder, state, result={"by": holder.attempt})


def give_back(engine: Engine, holder: Claim, delay_seconds: float = 0.0) -> None:
    with transaction(engine) as session:
        requests.give_back(session, holder, error="lost", delay_seconds=delay_seconds)


def let_lease_expire(engine: Engine, request_id: int) -> None:
    with transaction(engine) as session:
        session.execute(
            update(Request).where(Request.id == request_id).values(lease_until=func.now())
        )


def at_once(work: Callable[[int], Any], number: int = THREADS) -> list[Any]:
    """What `number` threads give that all start `work` at the same moment."""
    gate = threading.Barrier(number)

    def start(index: int) -> Any:
        gate.wait()
        return work(index)

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(start, range(number)))


# ------------------------------------------------------------------ accepting


def test_twenty_at_once_with_one_key_make_one_request(ops: Engine, web: Engine):
    for turn in range(5):
        accepted = at_once(lambda _, name=f"turn-{turn}": accept(web, name))
        assert len({each.id for each in accepted}) == 1
        assert sum(each.is_new for each in accepted) == 1
    with transaction(ops) as session:
        assert session.scalar(select(func.count()).select_from(Request)) == 5


def test_without_a_key_each_is_a_request_of_its_own(web: Engine):
    accepted = at_once(lambda _: accept(web, is_deduplicated=False))
    assert len({each.id for each in accepted}) == THREADS


@pytest.mark.parametrize("state", [RequestState.COMPLETED, RequestState.FAILED])
def test_an_ended_request_frees_its_key(ops: Engine, state: RequestState):
    holder = claimed(ops)
    assert accept(ops).id == holder.request_id
    finish(ops, holder, state)
    assert accept(ops).is_new


def test_an_unknown_request_keeps_its_key(ops: Engine):
    holder = claimed(ops)
    finish(ops, holder, RequestState.UNKNOWN)
    joined = accept(ops)
    assert (joined.id, joined.state) == (holder.request_id, RequestState.UNKNOWN)


def test_accepting_never_fails_while_requests_with_the_key_open_and_close(ops: Engine, web: Engine):
    done: list[int] = []

    def take_part(index: int) -> None:
        while len(done) < 30:
            if index:
                accept(web)
                continue
            for request in claim(ops):
                finish(ops, Claim(request.id, request.attempts))
                done.append(request.id)

    at_once(take_part, 5)
    assert len(done) == len(set(done))


# ------------------------------------------------------------------ claiming


def test_two_workers_claim_disjoint_requests_oldest_first(ops: Engine):
    made = [accept(ops, is_deduplicated=False).id for _ in range(60)]
    found = at_once(lambda index: [each.id for each in claim(ops, f"w{index}", 5)], 12)
    assert sorted(each for ids in found for each in ids) == made
    assert all(ids == sorted(ids) for ids in found)


def test_no_plan_of_the_database_claims_more_than_is_asked_for(ops: Engine):
    """Of a table that it takes for tiny, PostgreSQL may run a subquery once for each row."""
    first = accept(ops, is_deduplicated=False).id
    with transaction(ops) as session:
        session.execute(text("ANALYZE request"))
    ids = [first, *(accept(ops, is_deduplicated=False).id for _ in range(4))]
    with transaction(ops) as session:
        claimed = requests.claim(session, worker="w", limit=2, lease_seconds=LEASE_SECONDS)
        assert [each.id for each in claimed] == ids[:2]


def test_a_request_that_another_claims_just_now_is_skipped_not_waited_for(ops: Engine):
    first, second = (accept(ops, is_deduplicated=False).id for _ in range(2))
    with transaction(ops) as session:
        (held,) = requests.claim(session, worker="slow", limit=1, lease_seconds=LEASE_SECONDS)
        assert held.id == first
        assert [each.id for each in claim(ops, "quick")] == [second]


def test_a_claim_names_its_worker_its_attempt_and_its_lease(ops: Engine):
    accept(ops)
    (request,) = claim(ops, "worker-1")
    assert (request.state, request.worker, request.attempts) == ("claimed", "worker-1", 1)
    assert request.lease_until is not None
    assert (request.lease_until - request.claimed_at).total_seconds() == LEASE_SECONDS


def test_a_request_given_back_with_a_delay_waits_for_it(ops: Engine):
    holder = claimed(ops)
    give_back(ops, holder, delay_seconds=60)
    assert claim(ops) == []
    with transaction(ops) as session:
        session.execute(update(Request).values(not_before=func.now()))
    assert [each.attempts for each in claim(ops)] == [2]


def test_a_run_that_prefect_started_gets_a_request_only_where_none_is_open(ops: Engine):
    def adopt(index: int) -> Request | None:
        with transaction(ops) as session:
            return requests.claim_new(
                session, ACTION, Thing(), requested_by="prefect", source="prefect",
                worker=f"w{index}", lease_seconds=LEASE_SECONDS,
            )  # fmt: skip

    made = [request for request in at_once(adopt) if request is not None]
    assert [(each.state, each.attempts) for each in made] == [("claimed", 1)]


# ------------------------------------------------------------------ leases and the fence


def test_only_an_expired_lease_is_found_and_not_that_of_a_run_we_have(ops: Engine):
    one, two = (accept(ops, is_deduplicated=False).id for _ in range(2))
    claim(ops)
    assert expired(ops) == []
    for each in (one, two):
        let_lease_expire(ops, each)
    assert expired(ops) == [one, two]
    assert expired(ops, excluding=[one]) == [two]


def test_a_renewed_lease_does_not_expire(ops: Engine):
    holder = claimed(ops)
    let_lease_expire(ops, holder.request_id)
    with transaction(ops) as session:
        requests.renew(session, [holder], lease_seconds=LEASE_SECONDS)
    assert expired(ops) == []


def test_two_sweepers_do_not_find_the_same_request(ops: Engine):
    holder = claimed(ops)
    let_lease_expire(ops, holder.request_id)
    with transaction(ops) as session:
        assert len(requests.expired(session)) == 1
        assert expired(ops) == []


def test_an_attempt_that_was_given_up_can_no_longer_write(ops: Engine):
    old = claimed(ops)
    give_back(ops, old)
    (again,) = claim(ops)
    for write in (
        lambda session: requests.finish(session, old, RequestState.COMPLETED),
        lambda session: requests.note_flow_run(session, old, state=RequestState.RUNNING),
        lambda session: requests.fence(session, old),
        lambda session: requests.succeed(session, old),
        lambda session: requests.give_back(session, old, error=None, delay_seconds=0),
    ):
        with pytest.raises(ClaimLost), transaction(ops) as session:
            write(session)
    finish(ops, Claim(again.id, again.attempts))
    assert row(ops, again.id).result == {"by": 2}


def test_what_is_fenced_cannot_be_given_up_before_its_transaction_ends(ops: Engine):
    holder = claimed(ops)
    order: list[str] = []
    with ThreadPoolExecutor(1) as pool:
        with transaction(ops) as session:
            requests.fence(session, holder)
            giving = pool.submit(lambda: (give_back(ops, holder), order.append("given back")))
            with pytest.raises(TimeoutError):
                giving.result(0.3)
            order.append("written")
        giving.result(10)
    assert order == ["written", "given back"]


def test_an_ended_request_is_ended_once(ops: Engine):
    holder = claimed(ops)

    def end(index: int) -> bool:
        try:
            finish(ops, holder, (RequestState.COMPLETED, RequestState.FAILED)[index % 2])
        except ClaimLost:
            return False
        return True

    assert sum(at_once(end)) == 1


# ------------------------------------------------------------------ succession


def test_a_successor_takes_the_key_over_without_a_gap(ops: Engine):
    holder = claimed(ops)
    with transaction(ops) as session:
        successor = requests.succeed(session, holder)
    assert row(ops, holder.request_id).successor_id == successor
    assert accept(ops) == Accepted(successor, RequestState.QUEUED, is_new=False)
    finish(ops, holder)
    assert accept(ops).id == successor


def test_succeeding_twice_gives_the_same_successor(ops: Engine):
    holder = claimed(ops)
    ids = set()
    for _ in range(2):
        with transaction(ops) as session:
            ids.add(requests.succeed(session, holder))
    assert len(ids) == 1


def test_during_a_hand_over_everyone_joins_the_one_or_the_other(ops: Engine, web: Engine):
    for turn in range(5):
        accept(ops, f"turn-{turn}")
        (request,) = claim(ops)
        holder = Claim(request.id, request.attempts)

        def work(index: int, holder: Claim = holder, name: str = f"turn-{turn}") -> Accepted | int:
            if index:
                return accept(web, name)
            with transaction(ops) as session:
                return requests.succeed(session, holder)

        successor, *joined = at_once(work)
        assert {each.id for each in joined} <= {holder.request_id, successor}
        assert not any(each.is_new for each in joined)
        claim(ops)


# ------------------------------------------------------------------ cancelling


def test_a_queued_request_is_cancelled_with_who_asked(ops: Engine, web: Engine):
    accepted = accept(ops)
    for _ in range(2):
        with transaction(web) as session:
            requests.ask_to_cancel(session, accepted.id, requested_by="shifter", reason="no beam")
    with transaction(ops) as session:
        assert [each.id for each in requests.cancel_waiting(session)] == [accepted.id]
    found = row(ops, accepted.id)
    assert (found.state, found.error) == ("cancelled", "cancelled by shifter")
    assert claim(ops) == []


def test_a_running_request_is_only_named_as_to_be_cancelled(ops: Engine):
    holder = claimed(ops)
    with transaction(ops) as session:
        requests.ask_to_cancel(session, holder.request_id, requested_by="shifter", reason="")
    with transaction(ops) as session:
        assert requests.cancel_waiting(session) == []
        wishes = requests.cancelled_among(session, [holder.request_id])
    assert [(each.request_id, each.requested_by) for each in wishes] == [
        (holder.request_id, "shifter")
    ]
    assert row(ops, holder.request_id).state == RequestState.CLAIMED


def test_cancelling_an_ended_request_notes_nothing(ops: Engine):
    holder = claimed(ops)
    finish(ops, holder)
    with transaction(ops) as session:
        requests.ask_to_cancel(session, holder.request_id, requested_by="late", reason="")
        assert requests.cancelled_among(session, [holder.request_id]) == []


# ------------------------------------------------------------------ the race of intake and close


CLOSES = 6
WRITERS = 3
AWAITED = 0.8  # share of the STFs whose writer waits until they are sampled


def test_a_sampling_request_never_closes_over_a_message(ops: Engine, web: Engine):
    """Runs that close at every empty look, against writers: whatever is accepted is served."""
    eager = Eager(ops)
    deadline = time.monotonic() + 60

    def write(index: int) -> int:
        chance = random.Random(index)
        written = 0
        while eager.closes < CLOSES:
            assert time.monotonic() < deadline, f"{eager.closes} closes"
            send(web, [name := f"{index}.{written}.stf"])
            written += 1
            assert unserved(ops) == []
            if chance.random() < AWAITED:  # so that runs find the inbox empty, at any moment
                wait_until(lambda name=name: state_of(ops, name) == InboxState.SAMPLED)
        return written

    with ThreadPoolExecutor(1) as worker:
        working = worker.submit(eager.serve)
        try:
            written = sum(at_once(write, WRITERS))
        finally:
            eager.is_over.set()
        working.result(60)
    with transaction(ops) as session:
        states = session.execute(select(InboxStf.state, func.count()).group_by(InboxStf.state))
        assert [tuple(each) for each in states] == [(InboxState.SAMPLED, written)]
        assert session.scalar(select(Request.id).where(Request.state != "completed")) is None


def test_a_close_waits_for_an_intake_that_joined_and_then_does_not_close(ops: Engine, web: Engine):
    send(web, ["1.stf"])
    (request,) = claim(ops)
    sampler = begun(ops, request)
    sampler.serve_batch()
    with ThreadPoolExecutor(1) as pool:
        with transaction(web) as session:
            intake._queue_stfs(session, announced(["2.stf"]), source="test")
            closing = pool.submit(sampler.close, Tally(), if_empty=True)
            with pytest.raises(TimeoutError):
                closing.result(0.3)
        assert closing.result(10) is False


def test_an_intake_waits_for_a_close_and_then_opens_the_next_request(ops: Engine, web: Engine):
    send(web, ["1.stf"])
    (request,) = claim(ops)
    sampler = begun(ops, request)
    sampler.serve_batch()
    with ThreadPoolExecutor(1) as pool:
        with transaction(ops) as session:
            requests.lock_for_end(session, sampler.run.claim)
            taking = pool.submit(send, web, ["2.stf"])
            with pytest.raises(TimeoutError):
                taking.result(0.3)
            requests.finish(session, sampler.run.claim, RequestState.COMPLETED)
        taking.result(10)
    assert [each.id > request.id for each in claim(ops)] == [True]


def announced(names: Sequence[str]) -> list[Incoming]:
    return incoming(
        {"msg_type": "stf_ready", "run_id": "1", "namespace": "ns", "filename": name}
        for name in names
    )


def send(engine: Engine, names: Sequence[str]) -> None:
    intake.take_in(engine, announced(names), source="test")


def state_of(engine: Engine, stf: str) -> str | None:
    with transaction(engine) as session:
        return session.scalar(select(InboxStf.state).where(InboxStf.stf_filename == stf))


def unserved(engine: Engine) -> list[str]:
    """Namespaces with waiting STFs and no open request: one look, so never a false alarm."""
    with transaction(engine) as session:
        return repository.unserved_namespaces(session)


@dataclass
class Eager:
    """Serves every request, and closes it the moment its inbox looks empty.

    Once `is_over`, nothing may be left that no open request stands for.
    """

    engine: Engine
    is_over: threading.Event = field(default_factory=threading.Event)
    closes: int = 0

    def serve(self) -> None:
        while True:
            was_over = self.is_over.is_set()
            found = claim(self.engine)
            for request in found:
                serve(self.engine, Claim(request.id, request.attempts, uuid.uuid4()))
                self.closes += 1
            if was_over and not found:
                return


def serve(engine: Engine, holder: Claim) -> None:
    sampler = sampled_run.sampler_of(engine, holder, "ns", tf_files_per_stf=1, batch_size=5)
    sampler.begin()
    while True:
        while sampler.serve_batch().batches:
            pass
        if sampler.close(Tally(), if_empty=True):
            return


def test_a_predecessor_serves_until_its_successor_takes_the_lease(ops: Engine, web: Engine):
    send(web, ["1.stf"])
    (request,) = claim(ops)
    first = begun(ops, request)
    with transaction(ops) as session:
        requests.succeed(session, first.run.claim)
    (heir,) = claim(ops)
    assert first.serve_batch().stfs == 1
    second = begun(ops, heir)
    send(web, ["2.stf"])
    with pytest.raises(LeaseTaken):
        first.serve_batch()
    first.close(Tally())
    assert second.serve_batch().stfs == 1
    assert second.close(Tally(), if_empty=True)


def test_a_predecessor_that_comes_back_after_its_successor_began_serves_nothing(
    ops: Engine, web: Engine
):
    send(web, ["1.stf"])
    (request,) = claim(ops)
    first = begun(ops, request)
    with transaction(ops) as session:
        requests.succeed(session, first.run.claim)
    (heir,) = claim(ops)
    begun(ops, heir)
    give_back(ops, first.run.claim)
    (again,) = claim(ops)
    late = sampler_of(ops, again)
    with pytest.raises(LeaseTaken):
        late.begin()
    late.close(Tally())
    assert row(ops, again.id).state == RequestState.COMPLETED


def sampler_of(engine: Engine, request: Request) -> Sampler:
    holder = Claim(request.id, request.attempts, uuid.uuid4())
    return sampled_run.sampler_of(engine, holder, "ns", batch_size=5)


def begun(engine: Engine, request: Request) -> Sampler:
    sampler = sampler_of(engine, request)
    sampler.begin()
    return sampler


def expired(engine: Engine, excluding: Sequence[int] = ()) -> list[int]:
    with transaction(engine) as session:
        return [each.id for each in requests.expired(session, excluding=excluding)]
