"""HEAD and OPTIONS of every route, and slash-tolerant paths: plain ASGI, so the stream is fast."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fastapi.routing import RouteContext, iter_route_contexts
from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.routing import Match, Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_JSON: Final = ["application/json"]


class Methods:
    """Serves HEAD as GET without its body, answers OPTIONS, and names all methods in each Allow."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["method"] == "HEAD":
            await self._head(scope, receive, send)
        elif scope["method"] == "OPTIONS" and (answer := _options(scope)):
            await answer(scope, receive, send)
        else:
            await self._app(scope, receive, _with_all_methods(scope, send))

    async def _head(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def without_body(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
                return
            await send({"type": "http.response.body", "body": b""})
            raise _Answered  # a long answer, or the stream, is not made for nobody

        try:
            await self._app({**scope, "method": "GET"}, receive, without_body)
        except* _Answered:
            pass


class _Answered(BaseException):
    """The answer's head was sent, which is all that was asked for."""


def _options(scope: Scope) -> Response | None:
    """The answer to OPTIONS; None where a route answers it, or there is none of that path."""
    routes = list(_routes(scope))
    allowed = _allowed(routes)
    if not routes or "OPTIONS" in allowed or _answers_itself(routes):
        return None
    headers = {"Allow": ", ".join([*allowed, "OPTIONS"])}
    for route in routes:
        if getattr(route, "include_in_schema", False) and hasattr(route, "summary"):
            # Django REST framework describes itself so; agents read every 2xx as JSON.
            told = {"name": route.summary or "", "description": route.description}
            return JSONResponse({**told, "renders": _JSON, "parses": _JSON}, 200, headers)
    return Response(status_code=204, headers=headers)


def _with_all_methods(scope: Scope, send: Send) -> Send:
    """`send` that completes the Allow of a 405: Starlette names those of one route of the path."""
    asked = dict(scope)  # what is mounted changes the path that routes match

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == 405:  # noqa: PLR2004
            routes = list(_routes(asked))
            if not _answers_itself(routes):
                methods = [*_allowed(routes), "OPTIONS"]
                MutableHeaders(scope=message)["Allow"] = ", ".join(dict.fromkeys(methods))
        await send(message)

    return sending


def _routes(scope: Scope) -> Iterator[RouteContext]:
    """The routes of a path, whatever their methods."""
    for route in iter_route_contexts(scope["app"].routes):
        if route.matches(scope)[0] is not Match.NONE:
            yield route


def _answers_itself(routes: list[RouteContext]) -> bool:
    """Whether the path is that of a mounted application, which knows its methods alone."""
    return any(isinstance(route.original_route, Mount) for route in routes)


def _allowed(routes: list[RouteContext]) -> list[str]:
    methods = {method for route in routes for method in route.methods or ()}
    return sorted(methods | ({"HEAD"} if "GET" in methods else set()))


class SlashTolerant:
    """Serves a path without its trailing slash as if it had one: a redirect would break agents."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102
        if scope["type"] == "http":
            path = scope["path"]
            last = path.rsplit("/", 1)[-1]
            if last and "." not in last and last not in {"docs", "redoc"}:
                scope = {**scope, "path": path + "/", "raw_path": None}
        await self._app(scope, receive, send)
