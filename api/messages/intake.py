"""Group commit of messages: what arrives while one transaction commits goes into the next.

A lone message pays nothing for it; a burst costs one transaction, not one each.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Final

from api.http.sessions import Reserve
from blocks.errors import OutsideUnavailable
from flows.fastmon import intake
from flows.fastmon.intake import Incoming, Verdict

_BATCH: Final = 200
_BATCH_BYTES: Final = 4 << 20
_OVERHEAD_BYTES: Final = 2_000  # what a message that waits takes besides its body

Outcome = tuple[int, Verdict]
"""The id of a message's event, and what was done with the message."""


@dataclass
class _Waiting:
    incoming: Incoming
    size_bytes: int
    answer: asyncio.Future[Outcome] = field(default_factory=asyncio.Future)


class IntakeOverloaded(OutsideUnavailable):
    """More messages wait than will be stored soon; send this one again."""


class Intake:
    """Takes messages in for one API process."""

    def __init__(self, reserve: Reserve, *, most_bytes: int) -> None:
        self._reserve = reserve
        self._most_bytes = most_bytes
        self._waiting: deque[_Waiting] = deque()
        self._waiting_bytes = 0
        self._is_asked = asyncio.Event()

    async def take(self, incoming: Incoming, *, size_bytes: int) -> Outcome:
        """Take a message in, of a body of that size; it is stored when this returns.

        Raises:
            DatabaseUnavailable: It is not stored.
            IntakeOverloaded: It is not stored; too many wait.
        """
        if self._waiting and self._waiting_bytes + size_bytes > self._most_bytes:
            raise IntakeOverloaded("too many messages wait to be stored; send it again")
        waiting = _Waiting(incoming, size_bytes + _OVERHEAD_BYTES)
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
                await self._store(self._next_batch())

    def _next_batch(self) -> list[_Waiting]:
        """The oldest that wait, bounded in number and size."""
        batch: list[_Waiting] = []
        size_bytes = 0
        while self._waiting and len(batch) < _BATCH:
            size_bytes += self._waiting[0].size_bytes
            if batch and size_bytes > _BATCH_BYTES:
                break
            batch.append(self._waiting.popleft())
            self._waiting_bytes -= batch[-1].size_bytes
        return batch

    async def _store(self, batch: list[_Waiting]) -> None:
        try:
            outcomes = await self._reserve.run(
                lambda engine: intake.take_in(
                    engine, [each.incoming for each in batch], source="message"
                )
            )
        except OutsideUnavailable as error:
            _fail(batch, error)
        except Exception as error:  # noqa: BLE001 - raised to whoever sent the message
            if len(batch) == 1:
                _fail(batch, error)
                return
            # One of them cannot be stored: alone, the others can.
            for waiting in batch:
                await self._store([waiting])
        else:
            for waiting, outcome in zip(batch, outcomes, strict=True):
                if not waiting.answer.done():
                    waiting.answer.set_result(outcome)


def _fail(batch: list[_Waiting], error: Exception) -> None:
    for waiting in batch:
        if not waiting.answer.done():
            waiting.answer.set_exception(error)
