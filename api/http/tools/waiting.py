"""Tools that wait for what they answer about, so that no assistant has to ask again and again.

Whoever waits holds neither a thread nor a connection: the stream's feed says when to look, and in
between it is looked every two seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any, Final

from api.http.frames import Wanted
from api.http.stream import Feed
from flows.common.models import OPEN

_LOOK_SECONDS: Final = 2.0

Answer = dict[str, Any]


@dataclass(frozen=True)
class Pending:
    """What an answer waits for.

    Attributes:
        subject: Of the events that tell when to look again; None: they tell nothing.
    """

    subject: str | None


def pending_request(answer: Answer) -> Pending | None:
    """The request that is answered about, while it is open; `state` and `subject` say it."""
    return Pending(answer.get("subject")) if answer.get("state") in OPEN else None


async def waited(
    feed: Feed,
    answer: Answer,
    pending: Callable[[Answer], Pending | None],
    again: Callable[[Answer], Awaitable[Answer]],
    *,
    seconds: float,
) -> Answer:
    """The answer once it waits for nothing more, or as it is after so many seconds.

    Args:
        feed: Says when something about a subject was announced.
        answer: As it is.
        pending: What an answer waits for; None: it is whole.
        again: Reads it anew.
        seconds: The longest wait.
    """
    awaited = pending(answer)
    if awaited is None:
        return answer
    wanted = Wanted(subject=frozenset({awaited.subject})) if awaited.subject else None
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds), aclosing(feed.news(wanted, _LOOK_SECONDS)) as news:
            async for _ in news:
                answer = await again(answer)
                if pending(answer) is None:
                    break
    return answer
