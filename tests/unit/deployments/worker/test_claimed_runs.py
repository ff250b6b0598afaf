"""The queue is served as far as there is room, and every slot comes back."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import anyio
import pytest
from prefect.client.schemas.objects import State
from prefect.states import AwaitingConcurrencySlot, Cancelled, Pending, Scheduled

from deployments.worker.claimed_runs import ClaimedRuns
from deployments.worker.request_store import Ending
from deployments.worker.room import PoolLimits, Room
from deployments.worker.works import Work, Works
from flows.common.claims import Claim
from flows.common.models import RequestState

SLOTS = 3
POOL = SimpleNamespace(is_paused=False, concurrency_limit=None)


def request(number: int, parameters: Any = None, action: str = "check_pipeline") -> SimpleNamespace:
    return SimpleNamespace(id=number, attempts=1, action=action, parameters=parameters or {})


class Fake:
    """A worker that serves its queue once; Prefect answers `proposed` to each proposal."""

    def __init__(
        self,
        *waiting: SimpleNamespace,
        proposed: State[Any] | None,
        made: State[Any] | None = None,
    ) -> None:
        self.works, self.waiting, self.proposed = Works(), list(waiting), proposed
        self.made = made or Scheduled()
        self.proposals = 0
        self.limits = PoolLimits(POOL)
        self.claims: list[tuple[int, int]] = []
        self.done: list[tuple[str, int]] = []
        self.reasons: list[str] = []
        self.created: list[int] = []
        self.free: list[int] = []
        self.executes: Exception | None = None

    def claim(self, free: int, *_limits: object, background: int, **_: object) -> list[Any]:
        self.claims.append((free, background))
        return self.waiting[:free]

    def note(self, claim: Claim, state: RequestState) -> None:
        self.done.append((f"noted {state}", claim.request_id))

    async def create(self, made: SimpleNamespace, *, begins_here: bool) -> SimpleNamespace:
        assert begins_here
        self.created.append(made.id)
        return SimpleNamespace(id=made.id, state=self.made)

    async def propose_pending(self, _run: object) -> State[Any] | None:
        self.proposals += 1
        return self.proposed

    async def state(self, _id: object) -> State[Any]:
        return Cancelled()

    async def execute(self, work: Work) -> None:
        if self.executes is not None:
            raise self.executes
        self.done.append(("executed", work.claim.request_id))

    async def conclude(self, work: Work, ending: Ending) -> None:
        self.done.append((f"concluded {ending.error}", work.claim.request_id))

    async def reject(self, work: Work, reason: str) -> None:
        self.done.append(("rejected", work.claim.request_id))
        self.reasons.append(reason)

    def serve(self) -> int:
        """Serve, and wait for the runs; gives how many slots are free then."""

        async def serve() -> int:
            slots = anyio.CapacityLimiter(SLOTS)
            room = Room(self.works, self.limits, slots=slots, background_limit=2)
            async with anyio.create_task_group() as tasks:
                await ClaimedRuns(
                    works=self.works,
                    room=room,
                    store=self,
                    flow_runs=self,
                    execution=self,
                    closing=self,
                    tasks=tasks,
                    freed=lambda: self.free.append(room.free()),
                ).serve()
            return room.free()

        return asyncio.run(serve())


def test_what_waits_is_executed_as_far_as_there_are_slots_which_are_free_again_then():
    fake = Fake(*map(request, range(5)), proposed=Pending())
    assert fake.serve() == SLOTS
    assert fake.claims == [(SLOTS, 2)]
    assert fake.done == [("executed", number) for number in range(SLOTS)]
    assert len(fake.works) == 0
    assert fake.free == [1, 2, 3]  # told of each, once it is


@pytest.mark.parametrize(("made", "proposals"), [(Pending(), 0), (Scheduled(), 1)])
def test_prefect_is_asked_whether_a_run_may_begin_unless_it_was_made_so(made, proposals):
    fake = Fake(request(1), proposed=Pending(), made=made)
    assert fake.serve() == SLOTS
    assert (fake.done, fake.proposals) == ([("executed", 1)], proposals)


def test_a_run_that_waits_for_a_slot_of_prefects_is_parked_and_takes_none_here():
    fake = Fake(request(1), proposed=AwaitingConcurrencySlot())
    assert fake.serve() == SLOTS
    assert fake.done == [("noted claimed", 1)]
    assert [work.is_parked for work in fake.works] == [True]


@pytest.mark.parametrize(("proposed", "why"), [(None, ""), (Cancelled(message="full"), ": full")])
def test_a_run_that_prefect_does_not_let_start_ends_its_request(proposed, why):
    fake = Fake(request(1), proposed=proposed)
    assert fake.serve() == SLOTS
    assert fake.done == [(f"concluded Prefect does not let its run start{why}", 1)]
    assert len(fake.works) == 0


def test_a_bad_request_ends_alone():
    fake = Fake(request(1, {"surprise": 1}), request(2), proposed=Pending())
    assert fake.serve() == SLOTS
    assert sorted(fake.done) == [("executed", 2), ("rejected", 1)]


JINJA, BLOCK = {"__prefect_kind": "jinja", "template": "{{ x }}"}, {"$ref": {"block": "x"}}


@pytest.mark.parametrize(
    ("action", "parameters"),
    [
        ("panda_task_operation", {"new_parameters": JINJA}),
        ("panda_task_operation", {"new_parameters": {"site": BLOCK}}),
        ("submit_task", BLOCK),
        ("submit_task", {"task_name": JINJA}),
        ("register_evgen", {"paths": [[{"a": BLOCK}]]}),
        ("check_pipeline", {"x": JINJA}),
    ],
)
def test_a_row_that_prefect_would_evaluate_is_rejected_before_a_run_is_made(action, parameters):
    """A web tier that was taken over can put anything into a row."""
    fake = Fake(request(1, parameters, action), proposed=Pending())
    assert fake.serve() == SLOTS
    assert (fake.done, fake.created) == ([("rejected", 1)], [])
    (reason,) = fake.reasons
    assert "has a meaning to Prefect" in reason


def test_a_run_that_could_not_be_executed_ends_with_the_reason():
    fake = Fake(request(1), proposed=Pending())
    fake.executes = KeyError("x")
    assert fake.serve() == SLOTS
    assert (fake.done, len(fake.works)) == ([("concluded KeyError: 'x'", 1)], 0)


@pytest.mark.parametrize("pool", [None, SimpleNamespace(is_paused=True, concurrency_limit=None)])
def test_nothing_is_claimed_where_there_is_no_room(pool):
    fake = Fake(request(1), proposed=Pending())
    fake.limits.pool = pool
    fake.serve()
    assert fake.claims == []
