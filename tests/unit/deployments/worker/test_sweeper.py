"""Whose lease is surely missed: not his for whom the database, or the sweeper, was away."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Completed, Failed

from blocks.errors import OutsideUnavailable
from deployments.worker import sweeper
from deployments.worker.sweeper import Silences
from deployments.worker.works import Work
from flows.common import actions
from flows.common.claims import Claim
from flows.common.leases import Overdue
from flows.common.models import RequestState

CHECK = actions.get("check_pipeline")
LEASE = 30.0
NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
LOST = Overdue(1, 1, NOON - timedelta(seconds=1))


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def looks(silences: Silences, *seconds: float, overdue: Sequence[Overdue] = (LOST,)) -> list[bool]:
    return [silences.ripe(at(each), overdue) == [LOST] for each in seconds]


def test_an_owner_has_a_whole_lease_more_from_the_look_that_finds_it_silent():
    assert looks(Silences(LEASE), 0, 15, 29.9, 30, 45) == [False, False, False, True, True]


def test_an_owner_that_renewed_meanwhile_begins_anew():
    silences = Silences(LEASE)
    looks(silences, 0, 15)
    renewed = Overdue(1, 1, at(20))
    assert silences.ripe(at(31), [renewed]) == []
    assert silences.ripe(at(61), [renewed]) == [renewed]


def test_a_later_attempt_is_not_silent_for_an_earlier_one():
    silences = Silences(LEASE)
    looks(silences, 0, 15)
    assert silences.ripe(at(31), [Overdue(1, 2, LOST.lease_until)]) == []


@pytest.mark.parametrize("away_seconds", [31, 3600])
def test_a_break_between_the_looks_is_not_counted_against_the_owner(away_seconds: float):
    """As when the database was away, or the sweeper's machine slept."""
    silences = Silences(LEASE)
    looks(silences, 0, 15)
    back = 15 + away_seconds
    assert looks(silences, back, back + 15, back + 30) == [False, False, True]


def test_a_look_that_fails_is_not_counted_against_the_owner():
    silences = Silences(LEASE)
    answers: list[object] = [at(0), OutsideUnavailable("away"), at(20), at(40), at(50)]
    taken: list[int] = []

    def overdue(_: Sequence[int]) -> tuple[datetime, list[Overdue]]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, datetime)
        return answer, [LOST]

    store = SimpleNamespace(overdue=overdue, take_over=lambda silent: taken.append(len(silent)))

    async def look() -> None:
        with suppress(OutsideUnavailable):
            await sweeper.take_over(store, silences, [])

    for expected in ([], [], [], [], [1]):
        asyncio.run(look())
        assert taken == expected


def test_one_request_that_cannot_be_recovered_keeps_no_other_from_it(monkeypatch):
    recovered = []

    async def recover(_client: object, _store: object, request: SimpleNamespace) -> Work:
        if request.id == 2:
            raise KeyError("x")
        recovered.append(request.id)
        return Work(Claim(request.id, 1, request.run), CHECK)

    told: list[Work] = []
    monkeypatch.setattr(sweeper, "recover", recover)
    run = uuid.uuid4()
    requests = [SimpleNamespace(id=number, run=run if number > 1 else None) for number in (1, 2, 3)]
    asyncio.run(sweeper.recover_all(None, None, requests, ended=told.append))
    assert recovered == [1, 3]
    assert [each.claim for each in told] == [Claim(3, 1, run)], "what had no run leaves nothing"


def test_a_run_that_was_deleted_meanwhile_needs_no_end():
    async def set_state(*_: object, **__: object) -> None:
        raise ObjectNotFound(Exception("deleted"))

    def no() -> bool:
        return False

    client = SimpleNamespace(set_flow_run_state=set_state)
    state = SimpleNamespace(is_final=no, is_cancelling=no, is_scheduled=no)
    asyncio.run(sweeper._end(client, "run", state, "lost"))


@pytest.mark.parametrize(
    ("state", "became", "error"),
    [
        (Completed(), RequestState.COMPLETED, None),
        (Failed(message="no quota"), RequestState.FAILED, "no quota"),
        (Cancelled(), RequestState.CANCELLED, "cancelled"),
        (Cancelled(name="NotFound", message="no job"), RequestState.FAILED, "no job"),
        (Cancelled(name="PutOff", message="later"), None, "later"),
        (None, None, "worker w was lost while it held the request"),
    ],
)
def test_a_request_of_a_lost_worker_ends_as_its_run_has(monkeypatch, state, became, error):
    concluded: list[tuple[object, object]] = []

    async def state_of(_client: object, _id: object) -> object:
        return state

    monkeypatch.setattr(sweeper, "state_of", state_of)
    request = SimpleNamespace(
        id=1, attempts=1, flow_run_id=None, worker="w", action="check_pipeline"
    )
    store = SimpleNamespace(
        conclude=lambda _claim, ending: concluded.append((ending.state, ending.error))
    )
    work = asyncio.run(sweeper.recover(None, store, request))
    assert (work.claim, work.action) == (Claim(1, 1), CHECK)
    assert concluded == [(became, error)]
