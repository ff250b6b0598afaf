"""Group commit of messages: what arrives while one transaction commits goes into the next.

A lone message pays nothing for it; a burst costs one transaction, not one each.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Engine
from starlette.concurrency import run_in_threadpool

from blocks.errors import OutsideUnavailable
from flows.common.callers import Caller
from flows.fastmon import intake
from flows.fastmon.intake import Incoming, Verdict
from flows.fastmon.schemas import Message

_BATCH: Final = 200
_WAITING: Final = 5_000

Outcome = tuple[int, Verdict]
"""The id of a message's event, and what was done with the message."""


@dataclass
class _Waiting:
    incoming: Incoming
    answer: asyncio.Future[Outcome] = field(default_factory=asyncio.Future)


class IntakeOverloaded(OutsideUnavailable):
    """More messages wait than will be stored soon; send this one again."""


class Intake:
    """Takes messages in for one API process."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._queue: asyncio.Queue[_Waiting] = asyncio.Queue(_WAITING)

    async def take(self, body: dict[str, Any], message: Message, caller: Caller) -> Outcome:
        """Take a message in; it is stored when this returns.

        Raises:
            DatabaseUnavailable: It is not stored.
            IntakeOverloaded: It is not stored; too many wait.
        """
        waiting = _Waiting(Incoming(body, message, caller))
        try:
            self._queue.put_nowait(waiting)
        except asyncio.QueueFull:
            raise IntakeOverloaded("too many messages wait to be stored; send it again") from None
        return await waiting.answer

    async def run(self) -> None:
        """Store what waits, batch by batch, until cancelled."""
        while True:
            batch = [await self._queue.get()]
            while len(batch) < _BATCH and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            await self._store(batch)

    async def _store(self, batch: list[_Waiting]) -> None:
        try:
            outcomes = await run_in_threadpool(
                intake.take_in, self._engine, [each.incoming for each in batch], source="message"
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
