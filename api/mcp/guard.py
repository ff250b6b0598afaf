"""What stands before the MCP server: who calls, by which method. Plain ASGI.

Source: ops contract section 5.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from fastapi import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from api.http.access import gatekeeper
from flows.common.callers import Caller

_VISIT: Final = "prodops.visit"
_HEALTH: Final = "/mcp/health/"
_METHOD: Final = "POST"
_NOT_ALLOWED: Final = 405


@dataclass(frozen=True)
class Visit:
    """Who calls, and the request of our application that brings the call."""

    caller: Caller
    request: Request


async def guard(scope: Scope, receive: Receive, send: Send) -> None:
    """Let a known caller's POST through to the MCP server of the application.

    Raises:
        Rejection: Nobody is known, or what was sent is not good.
    """
    request = Request(scope, receive)
    answer = _answer(scope)
    if answer is not None:
        await answer(scope, receive, send)
        return
    caller = await gatekeeper(request).assistant(request)
    served: ASGIApp = request.app.state.mcp
    # A scope of its own: the server makes itself its `app`, and what is around us wants ours.
    # Its path is the server's one, whatever is behind ours.
    own = {"path": f"{scope['root_path']}/", _VISIT: Visit(caller, request)}
    await served({**scope, **own}, receive, send)


def visit_of(scope: Any) -> Visit:
    """The visit that a scope within the MCP server is of."""
    found: Visit = scope[_VISIT]
    return found


def _answer(scope: Scope) -> JSONResponse | None:
    """The answer that takes no caller; None: it takes one."""
    if scope["path"].endswith(_HEALTH):
        return JSONResponse({"status": "ok"})
    if scope["method"] == _METHOD:
        return None
    text = f'Method "{scope["method"]}" not allowed: this server pushes nothing, send JSON-RPC.'
    body = {"error": text, "allowed_methods": [_METHOD]}
    return JSONResponse(body, _NOT_ALLOWED, {"Allow": _METHOD})
