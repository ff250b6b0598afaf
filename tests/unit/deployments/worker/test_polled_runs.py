"""Runs that Prefect's poll brings: a bad one stops itself alone, and a good one waits."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from anyio import CapacityLimiter
from prefect.states import Cancelled, Scheduled

from blocks.errors import Invalid, OutsideUnavailable, Refused
from deployments.worker.polled_runs import PolledRuns
from deployments.worker.request_store import NoRoom
from deployments.worker.room import PoolLimits, Room
from deployments.worker.works import Work, Works
from flows.common import actions
from flows.common.claims import Claim
from flows.common.models import RequestState
from tests.support.fake_prefect import answer


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (Refused("no"), "Refused"),
        (Invalid({"x": ["is missing"]}), "Invalid"),
        (TypeError("a broken gate"), "Failed"),
        (answer(422), "Failed"),
    ],
)
def test_a_run_of_prefect_that_can_get_no_request_ends_with_the_reason(error, name):
    [state] = adopt(error)
    assert (state.name, state.is_failed()) == (name, name == "Failed")
    assert str(error) in state.message


@pytest.mark.parametrize("error", [OutsideUnavailable("away"), NoRoom("full"), answer(503)])
def test_a_run_of_prefect_is_brought_again_after_an_outage_or_where_all_is_full(error):
    with pytest.raises(type(error)):
        adopt(error)


def adopt(error: Exception) -> list[Any]:
    """The states that a run is given whose request cannot be made for this reason."""
    forced: list[Any] = []

    async def action_of(_run: object) -> None:
        raise error

    async def force(_id: object, state: Any) -> None:
        forced.append(state)

    polled = PolledRuns(
        works=Works(),
        room=None,
        store=None,
        flow_runs=SimpleNamespace(action_of=action_of, force=force),
        execution=None,
    )
    asyncio.run(polled.take(SimpleNamespace(idempotency_key=None, id="run")))
    return forced


class Parked:
    """A request whose run waits for a slot, and what becomes of it at the next poll."""

    def __init__(self, closed: dict[str, str] | None = None, answer: Any = None) -> None:
        self.answer = answer
        self.forced: list[str] = []
        self.concluded: list[Any] = []
        self.works = Works()
        run = SimpleNamespace(id="run", idempotency_key=None)
        work = Work(Claim(1, 1), actions.get("read_did"), run, is_parked=True)
        self.works.add(work)
        limits = PoolLimits(closed=closed or {})
        self.polled = PolledRuns(
            works=self.works,
            room=Room(self.works, limits, slots=CapacityLimiter(1), background_limit=1),
            store=None,
            flow_runs=self,
            execution=SimpleNamespace(closing=self),
        )

    def poll(self) -> None:
        [work] = self.works
        asyncio.run(self.polled.take(work.flow_run))

    async def propose_pending(self, _run: object) -> Any:
        return self.answer

    async def state(self, _id: object) -> Any:
        return Scheduled(name="AwaitingConcurrencySlot")

    async def force(self, _id: object, state: Any) -> None:
        self.forced.append(state.type.value)

    async def conclude(self, _work: object, ending: Any) -> None:
        self.concluded.append(ending)


def test_a_parked_run_that_prefect_refuses_is_ended_and_its_request_gets_another():
    parked = Parked()
    parked.poll()
    [ending] = parked.concluded
    assert (ending.state, ending.is_unbegun, parked.forced) == (None, True, ["CANCELLED"])
    assert list(parked.works) == []


def test_a_parked_run_that_its_deployment_cancels_ends_its_request_with_the_reason():
    parked = Parked(answer=Cancelled(message="Deployment concurrency limit reached."))
    parked.poll()
    [ending] = parked.concluded
    assert (ending.state, parked.forced) == (RequestState.CANCELLED, [])
    assert "Deployment concurrency limit reached." in ending.error
    assert list(parked.works) == []


def test_a_parked_run_of_a_closed_action_stays_parked():
    parked = Parked({"read_did": "its limit is 0"})
    with pytest.raises(NoRoom, match="its limit is 0"):
        parked.poll()
    assert [work.is_parked for work in parked.works] == [True]
