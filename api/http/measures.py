"""What this process measures of itself for `/metrics`: the answers to HTTP requests. Plain ASGI."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Final

from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from blocks.histogram import Histogram

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_STREAM: Final = "/messages/stream/"
_BROKEN: Final = 500


@dataclass(frozen=True)
class Answered:
    """What answers are counted by: few values each, whatever is asked for.

    Attributes:
        method: The HTTP method; `other` where it is none of the usual ones.
        route: The path as it is declared, such as `/api/requests/{request_id}/`; the path of a
            mounted application; `none` where no route has it.
        status: The status.
    """

    method: str
    route: str
    status: int


@dataclass
class HttpMeasures:
    """How long the answers took, to the begin of each; this loop's thread alone counts them."""

    times: dict[Answered, Histogram] = field(default_factory=dict)

    def count(self, answered: Answered, seconds: float) -> None:
        """Count an answer."""
        if (times := self.times.get(answered)) is None:
            times = self.times[answered] = Histogram()
        times.observe(seconds)


class Measured:
    """Counts each answer; the stream goes by it, whose clients and lag the feed knows.

    It stands next to the routes, so that it sees which one answers. Needs the measures in the
    application's state.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102
        if scope["type"] != "http" or scope["path"].endswith(_STREAM):
            await self._app(scope, receive, send)
            return
        began, answered = time.perf_counter(), 0.0
        status = _BROKEN  # where it ends by an error that nothing answers

        async def noting(message: Message) -> None:
            nonlocal answered, status
            if message["type"] == "http.response.start":
                answered, status = time.perf_counter(), message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            seconds = (answered or time.perf_counter()) - began
            measures: HttpMeasures = scope["app"].state.http_measures
            measures.count(Answered(_method(scope), _route(scope), status), seconds)


def _method(scope: Scope) -> str:
    return scope["method"] if scope["method"] in _METHODS else "other"


def _route(scope: Scope) -> str:
    route = scope.get("route")
    if route is None:
        return "none"
    return str(route.path) if not isinstance(route, Mount) else f"{route.path}/"
