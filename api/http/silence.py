"""A database that takes connections and answers nothing: nobody is kept waiting for it.

No limit of PostgreSQL's own can end a statement while its server stands still.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any, Final, TypeVar

from fastapi import Request, Response
from fastapi.routing import APIRoute

from api.http.stream import Feed
from api.http.wording import clock
from flows.common.database import now
from flows.common.database_errors import DatabaseUnavailable

SILENT_SECONDS: Final = 5.0  # the feed looks every two

T = TypeVar("T")


async def unless_silent(request: Request, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """What `work` gives, unless the database falls silent meanwhile.

    Raises:
        DatabaseUnavailable: It is silent; what was begun ends when it answers again.
    """
    feed: Feed = request.app.state.feed
    if feed.silent_seconds >= SILENT_SECONDS:
        raise _silent(feed)  # else it would keep a thread until the database answers
    working = asyncio.ensure_future(work())
    silence = asyncio.ensure_future(feed.silence(SILENT_SECONDS))
    try:
        await asyncio.wait([working, silence], return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise _silent(feed)
        return working.result()
    finally:
        working.cancel()
        silence.cancel()


class RestRoute(APIRoute):
    """A route for programs, whose readers are not kept waiting; a write goes on to its end.

    What is written may be there, whatever was answered meanwhile.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, which gives up reading from a silent database."""
        handler = super().get_route_handler()
        if self.methods != {"GET"}:
            return handler

        async def reading(request: Request) -> Response:
            return await unless_silent(request, lambda: handler(request))

        return reading


def _silent(feed: Feed) -> DatabaseUnavailable:
    since = now() - timedelta(seconds=feed.silent_seconds)
    return DatabaseUnavailable(f"the database has not answered since {clock(since)}")
