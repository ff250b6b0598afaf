"""A bound on request bodies: plain ASGI, out of the stream's way."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from blocks.errors import ProdOpsError

_TOO_LARGE: Final = 413


class BodyLimit:
    """Answers a body above the set size with 413, before it is read where its length is said.

    Needs the settings in the application's state.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most: int = scope["app"].state.settings.api.max_body_bytes
        refusal = JSONResponse({"body": [f"is larger than {most} bytes"]}, _TOO_LARGE)
        length = Headers(scope=scope).get("content-length", "")
        if length.isdigit() and int(length) > most:
            await refusal(scope, receive, send)
            return
        bounded = _Bounded(receive, send, most)
        with suppress(_TooLarge):
            await self._app(scope, bounded.receive, bounded.send)
        if bounded.is_exceeded and not bounded.has_answered:
            await refusal(scope, receive, send)


class _TooLarge(ProdOpsError):
    """What was read of a body is above the bound."""


class _Bounded:
    """A request whose body is counted; once it is too large, no other answer counts.

    FastAPI makes a 400 of whatever goes wrong while it reads a body.
    """

    def __init__(self, receive: Receive, send: Send, most: int) -> None:
        self._receive, self._send, self._left = receive, send, most
        self.has_answered = False

    @property
    def is_exceeded(self) -> bool:
        return self._left < 0

    async def receive(self) -> Message:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self.is_exceeded:
            raise _TooLarge
        return message

    async def send(self, message: Message) -> None:
        if self.is_exceeded and not self.has_answered:
            return
        self.has_answered = True
        await self._send(message)
