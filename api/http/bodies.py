"""A bound on request bodies, and slash-tolerant paths: plain ASGI, out of the stream's way."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.errors import Rejection

_TOO_LARGE: Final = 413


class BodyLimit:
    """Refuses bodies above the set size with 413; before they are read, where their length is said.

    Needs the settings in the application's state.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most: int = scope["app"].state.settings.api.max_body_bytes
        length = Headers(scope=scope).get("content-length", "")
        if length.isdigit() and int(length) > most:
            await JSONResponse(_refusal(most), _TOO_LARGE)(scope, receive, send)
            return
        await self._app(scope, _counted(receive, most), send)


def _counted(receive: Receive, most: int) -> Receive:
    read = 0

    async def counting() -> Message:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        if read > most:
            raise Rejection(_TOO_LARGE, _refusal(most))
        return message

    return counting


def _refusal(most: int) -> dict[str, object]:
    return {"body": [f"is larger than {most} bytes"]}


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
