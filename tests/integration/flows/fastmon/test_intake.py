"""Intake and the sampling run, racing: whatever was accepted is served, and nothing twice.

The races are run with real threads and connections.
"""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
from sqlalchemy import Engine, func, select

from flows.common import holding
from flows.common.callers import Caller
from flows.common.claims import Claim
from flows.common.database import transaction
from flows.common.models import Request, RequestState
from flows.fastmon import intake, repository
from flows.fastmon.domain import Tally
from flows.fastmon.intake import Incoming
from flows.fastmon.models import InboxState, InboxStf
from flows.fastmon.tasks import LeaseTaken, Sampler
from tests import sampled_run
from tests.databases import Database
from tests.sampled_run import incoming
from tests.support.requests import at_once, claim, give_back, row
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

CLOSES = 6
WRITERS = 3
AWAITED = 0.8  # share of the STFs whose writer waits until they are sampled
AGENT: dict[str, Caller] = {}


@pytest.fixture(autouse=True)
def agent(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who sends, over the web."""
    monkeypatch.setitem(AGENT, "caller", database.caller("agent"))


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
    _, sampler = served(ops, web)
    with ThreadPoolExecutor(1) as pool:
        with transaction(web) as session:
            intake._queue_stfs(session, announced(["2.stf"]), source="test")
            closing = pool.submit(sampler.close, Tally(), if_empty=True)
            with pytest.raises(TimeoutError):
                closing.result(0.3)
        assert closing.result(10) is False


def test_an_intake_waits_for_a_close_and_then_opens_the_next_request(ops: Engine, web: Engine):
    request, sampler = served(ops, web)
    with ThreadPoolExecutor(1) as pool:
        with transaction(ops) as session:
            holding.lock_for_end(session, sampler.run.claim)
            taking = pool.submit(send, web, ["2.stf"])
            with pytest.raises(TimeoutError):
                taking.result(0.3)
            holding.finish(session, sampler.run.claim, RequestState.COMPLETED)
        taking.result(10)
    assert [each.id > request.id for each in claim(ops)] == [True]


def announced(names: Sequence[str]) -> list[Incoming]:
    bodies = [
        {"msg_type": "stf_ready", "run_id": "1", "namespace": "ns", "filename": name}
        for name in names
    ]
    return incoming(bodies, AGENT["caller"])


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
        holding.succeed(session, first.run.claim)
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
        holding.succeed(session, first.run.claim)
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


def served(ops: Engine, web: Engine) -> tuple[Request, Sampler]:
    """A request whose run has served all that was announced, and goes on."""
    send(web, ["1.stf"])
    (request,) = claim(ops)
    sampler = begun(ops, request)
    sampler.serve_batch()
    return request, sampler


def begun(engine: Engine, request: Request) -> Sampler:
    sampler = sampler_of(engine, request)
    sampler.begin()
    return sampler


@pytest.mark.slow
def test_names_beyond_the_parameters_of_a_statement_are_looked_up_at_once(database):
    many = [f"swf.{number}.stf" for number in range(70_000)]
    with transaction(database.ops_engine) as session:
        assert repository.known_names(session, many) == []
        assert repository.watched_files(session, many) == {}
        new = repository.claim_first(session, [_arrival_of(name, n) for n, name in enumerate(many)])
        assert len(new) == len(many)
        session.rollback()


def _arrival_of(name: str, run_number: int) -> repository.Arrival:
    return repository.Arrival(
        namespace="many", stf_filename=name, run_number=run_number, is_first=True, size_bytes=None,
        tf_count=None, checksum=None, daq_state=None, daq_substate=None, execution_id=None,
        state=InboxState.WAITING,
    )  # fmt: skip
