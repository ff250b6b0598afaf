"""Room: how many more runs a worker may begin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from anyio import CapacityLimiter
from prefect.client.schemas.objects import WorkPool, WorkQueue

from deployments.worker.request_store import NoRoom
from deployments.worker.works import Works
from flows.common.actions import Action
from flows.common.capacity import SharedCeiling


@dataclass
class PoolLimits:
    """What the pool and its queues allow, as last read: Prefect checks it in its poll only.

    Attributes:
        queue: The pool's default queue.
        closed: Actions of which Prefect lets no run begin, and why.
        shared: The limits of further queues, each for the actions that are in it.
    """

    pool: WorkPool | None = None
    queue: WorkQueue | None = None
    closed: Mapping[str, str] = field(default_factory=dict)
    shared: Sequence[SharedCeiling] = ()

    @property
    def is_paused(self) -> bool:
        """Whether nothing may be begun; neither before the pool was read."""
        is_queue_paused = self.queue is not None and self.queue.is_paused
        return self.pool is None or self.pool.is_paused or is_queue_paused

    @property
    def is_shut(self) -> bool:
        """Whether no run that waits may begin: all is paused, or has a limit of 0."""
        return self.is_paused or self.ceiling == 0

    @property
    def ceiling(self) -> int | None:
        """How many runs they allow at a time, in all workers; None: any number."""
        limits = [each.concurrency_limit for each in (self.pool, self.queue) if each]
        return min((limit for limit in limits if limit is not None), default=None)


class Room:
    """A worker's slots, some of which are kept free of background actions."""

    def __init__(
        self, works: Works, limits: PoolLimits, *, slots: CapacityLimiter, background_limit: int
    ) -> None:
        self.limits = limits
        self._works = works
        self._slots = slots
        self._background_limit = background_limit
        self._reserved = 0  # runs of background actions that are being claimed or adopted just now

    @property
    def slots(self) -> int:
        """How many runs the worker may have at a time."""
        return int(self._slots.total_tokens)

    def free(self) -> int:
        """How many more runs may be begun now."""
        if self.limits.is_paused:
            return 0
        return int(self._slots.total_tokens - self._slots.borrowed_tokens)

    @contextmanager
    def taken(self, number: int) -> Iterator[list[object]]:
        """Take so many slots; those that are left in the list in the end are free again."""
        slots = [object() for _ in range(number)]
        for slot in slots:
            self._slots.acquire_on_behalf_of_nowait(slot)
        try:
            yield slots
        finally:
            for slot in slots:
                self.release(slot)

    def release(self, slot: object) -> None:
        """Free a slot that was taken."""
        self._slots.release_on_behalf_of(slot)

    def free_for_background(self) -> int:
        """How many more runs of background actions may be begun now."""
        busy = sum(work.action.is_background and not work.is_parked for work in self._works)
        return max(0, self._background_limit - busy - self._reserved)

    @contextmanager
    def reserved_for_background(self, number: int) -> Iterator[int]:
        """Reserve room for so many until they are among the works: others take room meanwhile."""
        self._reserved += number
        try:
            yield number
        finally:
            self._reserved -= number

    def require(self, action: Action) -> None:
        """See that a run of the action may be begun now, in a slot that the poll has taken.

        Raises:
            NoRoom: It may not.
        """
        if (reason := self.limits.closed.get(action.name)) is not None:
            raise NoRoom(reason)
        if action.is_background and self.free_for_background() <= 0:
            raise NoRoom("the slots that are left are kept for what people wait for")
