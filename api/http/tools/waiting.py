"""Tools that wait for what they answer about, so that no assistant has to ask again and again.

Whoever waits holds neither a thread nor a connection: the stream's feed says when to look, and in
between it is looked every two seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from typing import Any, Final

from api.http.frames import Wanted
from api.http.stream import Feed
from flows.common.models import OPEN

_LOOK_SECONDS: Final = 2.0

Answer = dict[str, Any]


def is_open(answer: Answer) -> bool:
    """Whether what is answered about goes on; `state` says it."""
    return answer.get("state") in OPEN


async def waited(
    feed: Feed, answer: Answer, again: Callable[[Answer], Awaitable[Answer]], *, seconds: float
) -> Answer:
    """The answer once its request has ended, or as it is after so many seconds.

    Args:
        feed: Says when something about the answer's `subject` was announced.
        answer: With the `state` of a request.
        again: Reads it anew.
        seconds: The longest wait.
    """
    subject = answer.get("subject")
    wanted = Wanted(subject=frozenset({str(subject)})) if subject else None
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds), aclosing(feed.news(wanted, _LOOK_SECONDS)) as news:
            async for _ in news:
                answer = await again(answer)
                if not is_open(answer):
                    break
    return answer
