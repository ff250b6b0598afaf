"""Runs that are stopped, and those that wait for a slot."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace

import pytest
from prefect.client.schemas.objects import StateType

from blocks.errors import OutsideUnavailable
from deployments.worker.protocol import Intent
from deployments.worker.stopping import Stopping
from deployments.worker.works import Work, Works
from flows.common import actions
from flows.common.claims import Claim


class Guard:
    def __init__(self) -> None:
        self.stopped: list[tuple[str, Intent]] = []

    def stop(self, run: str, intent: Intent, _grace_seconds: float) -> None:
        self.stopped.append((run, intent))


class Fake:
    """A worker's works, and what of them was stopped and ended."""

    def __init__(self, *works: Work, at_prefect: Sequence[SimpleNamespace] = ()) -> None:
        self.works, self.guard, self.ended = Works(), Guard(), []
        for each in works:
            self.works.add(each)

        async def read(_ids: object) -> Sequence[SimpleNamespace]:
            return at_prefect

        async def end_unbegun(work: Work) -> None:
            self.ended.append(work.claim.request_id)

        self.stopping = Stopping(
            works=self.works,
            guard=self.guard,
            flow_runs=SimpleNamespace(read=read),
            closing=SimpleNamespace(end_unbegun=end_unbegun),
            grace_seconds=1,
        )

    def numbers(self) -> list[int]:
        return self.works.request_ids()


def work_of(number: int, action: str = "check_pipeline", *, is_parked: bool = False) -> Work:
    run = SimpleNamespace(id=number)
    return Work(Claim(number, 1), actions.get(action), flow_run=run, is_parked=is_parked)


def seen(number: int, state: StateType) -> SimpleNamespace:
    return SimpleNamespace(id=number, state_type=state)


def test_a_request_whose_waiting_run_was_deleted_goes_back_into_the_queue():
    fake = Fake(work_of(1, is_parked=True), work_of(2), at_prefect=[seen(2, StateType.RUNNING)])
    asyncio.run(fake.stopping.look_for_cancelling())
    assert (fake.ended, fake.numbers(), fake.guard.stopped) == ([1], [2], [])


def test_a_run_that_is_being_cancelled_at_prefect_is_stopped_and_one_that_waited_ended():
    states = [
        seen(1, StateType.CANCELLING),
        seen(2, StateType.CANCELLED),
        seen(3, StateType.RUNNING),
    ]
    fake = Fake(work_of(1), work_of(2, is_parked=True), work_of(3), at_prefect=states)
    asyncio.run(fake.stopping.look_for_cancelling())
    assert fake.guard.stopped == [("1", Intent.CANCEL), ("2", Intent.CANCEL)]
    assert (fake.ended, fake.numbers()) == ([2], [1, 3])
    assert [work.is_cancelled for work in fake.works] == [True, False]


def test_only_the_runs_of_the_requests_are_cancelled_or_dropped():
    fake = Fake(work_of(1), work_of(2), work_of(3))
    asyncio.run(fake.stopping.cancel_requests([1, 99]))
    asyncio.run(fake.stopping.drop([2]))
    assert fake.guard.stopped == [("1", Intent.CANCEL), ("2", Intent.RESCHEDULE)]
    assert [work.is_cancelled for work in fake.works] == [True, False, False]


def test_a_worker_that_drains_hands_back_what_may_be_repeated_and_in_the_end_everything():
    fake = Fake(work_of(1, "sample_stfs"), work_of(2, "submit_task"), work_of(3, is_parked=True))
    asyncio.run(fake.stopping.hand_back(everything=False))
    assert fake.guard.stopped == [("1", Intent.RESCHEDULE)]
    assert (fake.ended, fake.numbers()) == ([3], [1, 2])
    asyncio.run(fake.stopping.hand_back(everything=True))
    assert fake.guard.stopped[1:] == [("1", Intent.RESCHEDULE), ("2", Intent.RESCHEDULE)]


@pytest.mark.parametrize("chore", ["look for cancelled", "look for deleted", "hand back"])
def test_a_waiting_run_that_cannot_be_ended_keeps_no_other_from_it(chore):
    states = [seen(number, StateType.CANCELLED) for number in (1, 2, 3)]
    waiting = (work_of(number, is_parked=True) for number in (1, 2, 3))
    fake = Fake(*waiting, at_prefect=states if chore == "look for cancelled" else ())
    ends = fake.stopping.closing.end_unbegun

    async def fail_once(work: Work) -> None:
        if work.claim.request_id == 1:
            raise KeyError("odd")
        await ends(work)

    fake.stopping.closing.end_unbegun = fail_once
    if chore == "hand back":
        asyncio.run(fake.stopping.hand_back(everything=False))
    else:
        asyncio.run(fake.stopping.look_for_cancelling())
    assert (sorted(fake.ended), fake.numbers()) == ([2, 3], [1])


def test_a_parked_run_that_could_not_be_ended_is_still_there_to_be_ended_again():
    fake = Fake(work_of(1, is_parked=True))

    async def fail(_work: Work) -> None:
        raise OutsideUnavailable("away")

    ends = fake.stopping.closing.end_unbegun
    fake.stopping.closing.end_unbegun = fail
    with pytest.raises(OutsideUnavailable):
        asyncio.run(fake.stopping.hand_back(everything=False))
    fake.stopping.closing.end_unbegun = ends
    asyncio.run(fake.stopping.hand_back(everything=False))
    assert (fake.ended, fake.numbers()) == ([1], [])
