"""A bound on request bodies, and slash-tolerant paths: plain ASGI, out of the stream's way."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import Refusal

_TOO_LARGE: Final = 413


class BodyLimit:
    """Refuses bodies above a size with 413, before they are read where their length is said."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        length = Headers(scope=scope).get("content-length", "")
        if length.isdigit() and int(length) > self._max_bytes:
            await JSONResponse(self._refusal(), _TOO_LARGE)(scope, receive, send)
            return
        await self._app(scope, self._counted(receive), send)

    def _counted(self, receive: Receive) -> Receive:
        read = 0

        async def counting() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._max_bytes:
                raise Refusal(_TOO_LARGE, self._refusal())
            return message

        return counting

    def _refusal(self) -> dict[str, object]:
        return {"body": [f"is larger than {self._max_bytes} bytes"]}


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
