"""Prefect's UI asks nobody but its own server: no logo, font or script of another host.

Prefect gives its block and worker types logos at other hosts, which the browser would fetch.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send


def policy(api_url: str) -> str:
    """The content security policy of the UI's pages, whose API is there."""
    address = urlsplit(api_url)
    own = f"{address.scheme}://{address.netloc}"
    stream = f"{'wss' if address.scheme == 'https' else 'ws'}://{address.netloc}"
    return (
        "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; "
        f"connect-src 'self' data: blob: {own} {stream}; object-src 'none'"
    )


class OwnHostOnly:
    """Answers pages with a policy that lets them ask no other host.

    Args:
        app: Prefect's server.
        api_url: Where its pages find its API, which may be by another name of the host.
    """

    def __init__(self, app: ASGIApp, api_url: str) -> None:
        self._app = app
        self._policy = policy(api_url)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on; an answer that is a page gets the policy."""

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start" and _is_page(message):
                MutableHeaders(scope=message)["Content-Security-Policy"] = self._policy
            await send(message)

        await self._app(scope, receive, send_guarded if scope["type"] == "http" else send)


def _is_page(message: Any) -> bool:
    return str(MutableHeaders(scope=message).get("content-type", "")).startswith("text/html")
