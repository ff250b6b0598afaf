"""Group commit of messages: what arrives while one transaction commits goes into the next.

A lone message pays nothing for it; a burst costs one transaction, not one each.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Engine
from starlette.concurrency import run_in_threadpool

from blocks.errors import OutsideUnavailable
from flows.fastmon import intake
from flows.fastmon.intake import Outcome
from flows.fastmon.schemas import Message

_BATCH: Final = 200
_WAITING: Final = 5_000


@dataclass
class _Waiting:
    body: dict[str, Any]
    message: Message
    caller: str
    answer: asyncio.Future[Outcome]


class IntakeOverloaded(OutsideUnavailable):
    """More messages wait than will be stored soon; send this one again."""


class Intake:
    """Takes messages in for one API process."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._queue: asyncio.Queue[_Waiting] = asyncio.Queue(_WAITING)

    async def take(self, body: dict[str, Any], message: Message, caller: str) -> Outcome:
        """Take a message in; it is stored when this returns.

        Raises:
            DatabaseUnavailable: It is not stored.
            IntakeOverloaded: It is not stored; too many wait.
        """
        answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        try:
            self._queue.put_nowait(_Waiting(body, message, caller, answer))
        except asyncio.QueueFull:
            raise IntakeOverloaded("too many messages wait to be stored; send it again") from None
        return await answer

    async def run(self) -> None:
        """Store what waits, batch by batch, until cancelled."""
        while True:
            batch = [await self._queue.get()]
            # One transaction opens requests in one caller's name.
            while len(batch) < _BATCH and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            for caller in dict.fromkeys(waiting.caller for waiting in batch):
                await self._store([each for each in batch if each.caller == caller], caller)

    async def _store(self, batch: list[_Waiting], caller: str) -> None:
        try:
            outcomes = await run_in_threadpool(self._take_in, batch, caller)
        except OutsideUnavailable as error:
            _fail(batch, error)
        except Exception as error:  # noqa: BLE001 - told to whoever sent the message
            if len(batch) == 1:
                _fail(batch, error)
                return
            # One of them cannot be stored: alone, the others can.
            for waiting in batch:
                await self._store([waiting], caller)
        else:
            for waiting, outcome in zip(batch, outcomes, strict=True):
                if not waiting.answer.done():
                    waiting.answer.set_result(outcome)

    def _take_in(self, batch: list[_Waiting], caller: str) -> list[Outcome]:
        return intake.take_in(
            self._engine,
            [(waiting.body, waiting.message) for waiting in batch],
            requested_by=caller,
            source="message",
        )


def _fail(batch: list[_Waiting], error: Exception) -> None:
    for waiting in batch:
        if not waiting.answer.done():
            waiting.answer.set_exception(error)
