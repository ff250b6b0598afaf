"""A check of the host name by which a request comes: plain ASGI, out of the stream's way.

A name of another site that leads here (DNS rebinding) would make that site's pages ours.
"""

from __future__ import annotations

from typing import Final

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_BAD_REQUEST: Final = 400


class HostCheck:
    """Refuses requests for other hosts than the allowed ones.

    Needs the settings in the application's state.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102
        if scope["type"] == "http":
            allowed: frozenset[str] | None = getattr(scope["app"].state, "hosts", None)
            name = host_name(Headers(scope=scope).get("host", ""))
            if allowed is not None and name not in allowed:
                await JSONResponse(_refusal(name), _BAD_REQUEST)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def host_name(host: str) -> str:
    """The name in a Host header, in lower case, without its port and an IPv6 address's brackets."""
    name = host.strip().lower()
    if name.startswith("["):
        return name[1:].partition("]")[0]
    return name.partition(":")[0].rstrip(".")


def _refusal(name: str) -> dict[str, object]:
    text = f"the API is not reached as {name[:100]!r}; PRODOPS_API_ALLOWED_HOSTS names its hosts"
    return {"detail": text}
