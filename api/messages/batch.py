"""Many messages in one call: each is stored, or refused with the reason, by itself."""

from __future__ import annotations

import asyncio
from typing import Any

from pydantic import BaseModel, Field

from api.http.group_commit import GroupCommit
from blocks.errors import Invalid
from flows.common.callers import Caller
from flows.fastmon import schemas
from flows.fastmon.intake import Incoming, Taken, Verdict

Intake = GroupCommit[Incoming, tuple[int, Verdict]]


class MessageResult(BaseModel):
    """What became of one message of a batch: it was stored, or there are errors."""

    message_id: int | None = Field(None, description="Id of its event; null: it is not stored.")
    outcome: Taken | None = Field(None, description="What was done with it.")
    reason: str | None = Field(None, description="Why its STF is not sampled.")
    errors: dict[str, list[str]] | None = Field(None, description="What is wrong, by its field.")


class BatchResult(BaseModel):
    """What became of a batch."""

    results: list[MessageResult] = Field(description="Of each message, in their order.")


async def take(sent: bytes, caller: Caller, waiting: Intake) -> list[MessageResult]:
    """Store the messages of a body; gives what became of each, in order.

    Raises:
        Invalid: The body is not that of a batch; nothing is stored.
        OutsideUnavailable: Not all of them are stored.
    """
    bodies = schemas.decode_batch(sent)
    read = [_read(body, caller) for body in bodies]
    size_bytes = len(sent) // max(1, len(bodies))
    incoming = [each for each in read if isinstance(each, Incoming)]
    stored = await asyncio.gather(*[waiting.take(each, size_bytes=size_bytes) for each in incoming])
    outcomes = iter(stored)
    return [each if isinstance(each, MessageResult) else _result(*next(outcomes)) for each in read]


def _read(body: Any, caller: Caller) -> Incoming | MessageResult:
    try:
        schemas.require_keepable(body)
        return Incoming(body, schemas.parse(body), caller)
    except Invalid as error:
        return MessageResult(errors=error.fields)


def _result(event_id: int, verdict: Verdict) -> MessageResult:
    return MessageResult(message_id=event_id, outcome=verdict.taken, reason=verdict.reason)
