"""Group commit: what arrives while one transaction commits goes into the next.

A lone item pays nothing for it; a burst costs one transaction, not one each.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from sqlalchemy import Engine

from api.http.sessions import Reserve
from blocks.errors import OutsideUnavailable

_BATCH: Final = 200
_BATCH_BYTES: Final = 4 << 20
_OVERHEAD_BYTES: Final = 2_000  # what an item that waits takes besides its body

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


@dataclass
class _Waiting(Generic[Item, Outcome]):
    item: Item
    size_bytes: int
    answer: asyncio.Future[Outcome] = field(default_factory=asyncio.Future)


class Overloaded(OutsideUnavailable):
    """More waits than will be stored soon; send this again."""


class GroupCommit(Generic[Item, Outcome]):
    """Stores what one kind of request brings, for one API process."""

    def __init__(
        self,
        reserve: Reserve,
        store: Callable[[Engine, Sequence[Item]], Sequence[Outcome]],
        *,
        what: str,
        most_bytes: int,
    ) -> None:
        """Begin with nothing that waits.

        Args:
            reserve: Where it is stored.
            store: Stores a batch in one transaction; gives the outcome of each item, in order.
            what: What the items are, in the plural, for the refusal.
            most_bytes: So many bytes may wait.
        """
        self._reserve = reserve
        self._store = store
        self._what = what
        self._most_bytes = most_bytes
        self._waiting: deque[_Waiting[Item, Outcome]] = deque()
        self._waiting_bytes = 0
        self._is_asked = asyncio.Event()

    async def take(self, item: Item, *, size_bytes: int) -> Outcome:
        """Take an item in, of a body of that size; it is stored when this returns.

        Raises:
            DatabaseUnavailable: It is not stored.
            Overloaded: It is not stored; too many wait.
        """
        if self._waiting and self._waiting_bytes + size_bytes > self._most_bytes:
            raise Overloaded(f"too many {self._what} wait to be stored; send it again")
        waiting: _Waiting[Item, Outcome] = _Waiting(item, size_bytes + _OVERHEAD_BYTES)
        self._waiting.append(waiting)
        self._waiting_bytes += waiting.size_bytes
        self._is_asked.set()
        return await waiting.answer

    async def run(self) -> None:
        """Store what waits, batch by batch, until cancelled."""
        while True:
            await self._is_asked.wait()
            self._is_asked.clear()
            while self._waiting:
                await self._commit(self._next_batch())

    def _next_batch(self) -> list[_Waiting[Item, Outcome]]:
        """The oldest that wait, bounded in number and size."""
        batch: list[_Waiting[Item, Outcome]] = []
        size_bytes = 0
        while self._waiting and len(batch) < _BATCH:
            size_bytes += self._waiting[0].size_bytes
            if batch and size_bytes > _BATCH_BYTES:
                break
            batch.append(self._waiting.popleft())
            self._waiting_bytes -= batch[-1].size_bytes
        return batch

    async def _commit(self, batch: list[_Waiting[Item, Outcome]]) -> None:
        items = [each.item for each in batch]
        try:
            outcomes = await self._reserve.run(lambda engine: self._store(engine, items))
        except OutsideUnavailable as error:
            _fail(batch, error)
        except Exception as error:  # noqa: BLE001 - raised to whoever sent the item
            if len(batch) == 1:
                _fail(batch, error)
                return
            # One of them cannot be stored: alone, the others can.
            for waiting in batch:
                await self._commit([waiting])
        else:
            for waiting, outcome in zip(batch, outcomes, strict=True):
                if not waiting.answer.done():
                    waiting.answer.set_result(outcome)


def _fail(batch: Sequence[_Waiting[Item, Outcome]], error: Exception) -> None:
    for waiting in batch:
        if not waiting.answer.done():
            waiting.answer.set_exception(error)
