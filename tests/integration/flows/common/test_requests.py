"""Requests on a real PostgreSQL: one at a time for a key.

The races are run with real threads and connections, many times over.
"""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, func, select

from flows.common.callers import Caller
from flows.common.claims import Claim
from flows.common.database import transaction
from flows.common.models import Request, RequestState
from tests.support.requests import THREADS, accept, at_once, claim, claimed, finish

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("know")]


def test_twenty_at_once_with_one_key_make_one_request(ops: Engine, web: Engine, shifter: Caller):
    for turn in range(5):
        accepted = at_once(lambda _, name=f"turn-{turn}": accept(web, name, caller=shifter))
        assert len({each.id for each in accepted}) == 1
        assert sum(each.is_new for each in accepted) == 1
    with transaction(ops) as session:
        assert session.scalar(select(func.count()).select_from(Request)) == 5


def test_without_a_key_each_is_a_request_of_its_own(web: Engine, shifter: Caller):
    accepted = at_once(lambda _: accept(web, caller=shifter, is_deduplicated=False))
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


def test_accepting_never_fails_while_requests_with_the_key_open_and_close(
    ops: Engine, web: Engine, shifter: Caller
):
    done: list[int] = []

    def take_part(index: int) -> None:
        while len(done) < 30:
            if index:
                accept(web, caller=shifter)
                continue
            for request in claim(ops):
                finish(ops, Claim(request.id, request.attempts))
                done.append(request.id)

    at_once(take_part, 5)
    assert len(done) == len(set(done))
