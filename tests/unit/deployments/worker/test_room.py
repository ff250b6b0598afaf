"""Slots: some are kept free of background actions, and each is freed again."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest
from anyio import CapacityLimiter

from deployments.worker.request_store import NoRoom
from deployments.worker.room import PoolLimits, Room
from deployments.worker.works import Work, Works
from flows.common import actions
from flows.common.actions import Action
from flows.common.claims import Claim
from flows.common.settings import WorkerSettings

BACKGROUND, INTERACTIVE = actions.get("sync_task_states"), actions.get("read_did")


def works_of(*busy: Action) -> Works:
    works = Works()
    for number, action in enumerate(busy):
        works.add(Work(Claim(number, 1), action))
    works.add(Work(Claim(99, 1), BACKGROUND, is_parked=True))  # it holds no slot
    return works


def room_of(limit: int, kept: int, *busy: Action) -> Room:
    background = WorkerSettings(limit=limit, kept_slots=kept).background_limit
    limits = PoolLimits(pool=Limited())
    return Room(works_of(*busy), limits, slots=CapacityLimiter(limit), background_limit=background)


@dataclass
class Limited:
    """A pool or a queue, as Prefect says what it allows."""

    is_paused: bool = False
    concurrency_limit: int | None = None


def test_background_work_leaves_the_kept_slots_free_and_always_has_one():
    assert room_of(8, 2).free_for_background() == 6
    assert room_of(8, 2, *[BACKGROUND] * 5, INTERACTIVE).free_for_background() == 1
    assert room_of(8, 2, *[BACKGROUND] * 6).free_for_background() == 0
    assert room_of(1, 2).free_for_background() == 1
    assert room_of(2, 2).free_for_background() == 1
    assert room_of(1, 2, BACKGROUND).free_for_background() == 0


def test_what_is_being_claimed_just_now_takes_room_of_the_background():
    room = room_of(8, 2, *[BACKGROUND] * 5)
    with room.reserved_for_background(1):
        assert room.free_for_background() == 0
    assert room.free_for_background() == 1


def test_a_scheduled_run_waits_for_the_next_poll_where_only_kept_slots_are_left():
    room = room_of(2, 1, BACKGROUND)
    with pytest.raises(NoRoom, match="kept for what people wait for"):
        room.require(BACKGROUND)
    room.require(INTERACTIVE)


def test_slots_that_are_taken_are_free_again_but_those_that_were_given_to_a_run():
    async def take() -> None:
        room = room_of(3, 1)
        with room.taken(2) as slots:
            assert room.free() == 1
            given = slots.pop()
        assert room.free() == 2
        room.release(given)
        assert room.free() == 3

    asyncio.run(take())


PAUSED, OPEN = Limited(is_paused=True), Limited()


@pytest.mark.parametrize(
    ("pool", "queue", "is_paused"),
    [(None, None, True), (OPEN, None, False), (OPEN, OPEN, False), (PAUSED, OPEN, True),
     (OPEN, PAUSED, True)],
)  # fmt: skip
def test_nothing_is_begun_in_a_pool_that_is_paused_or_was_not_read(pool, queue, is_paused):
    room = room_of(3, 1)
    room.limits.pool, room.limits.queue = pool, queue
    assert room.free() == (0 if is_paused else 3)


@pytest.mark.parametrize(
    ("pool", "queue", "ceiling"), [(5, 2, 2), (3, None, 3), (None, None, None)]
)
def test_the_smaller_limit_of_pool_and_queue_holds(pool, queue, ceiling):
    limits = PoolLimits(Limited(concurrency_limit=pool), Limited(concurrency_limit=queue))
    assert limits.ceiling == ceiling
    assert PoolLimits().ceiling is None
