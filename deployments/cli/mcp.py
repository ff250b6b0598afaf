"""`prodops mcp`: the MCP server over standard input and output, for assistants on this machine.

It passes everything on to the monitor's MCP server with the user's token, and knows no database.
"""

from __future__ import annotations

import logging
from importlib.metadata import version
from typing import Final

import httpx

from api.mcp.instructions import INSTRUCTIONS, NAME
from blocks.errors import ProdOpsError
from deployments.cli.monitor_access import TOKEN_REFUSED, Token, Url, any_token, monitor_url

_UNSET: Final = (
    "SWF_API_TOKEN is not set: set it, or give --token; `prodops token create` makes a token"
)
_NO_URL: Final = "SWF_MONITOR_URL is no http:// or https:// address: {}"
_PING: Final = {"jsonrpc": "2.0", "id": 0, "method": "ping"}
_PING_SECONDS: Final = 5.0


class BadAccess(ProdOpsError):
    """It is not said where the monitor is, or by which token it is asked."""

    exit_code = 2


class TokenNotGood(ProdOpsError):
    """The monitor does not know the token."""

    exit_code = TOKEN_REFUSED


def serve_stdio(url: Url = None, token: Token = None) -> None:
    """Serve the monitor's tools to an assistant over standard input and output.

    Ends with 2 where the monitor's address or the token is missing, with 3 where the token is not
    good. A monitor that is away is asked again at the next call.
    """
    where, key = monitor_url(url).rstrip("/"), any_token(token)
    if not where.startswith(("http://", "https://")):
        raise BadAccess(_NO_URL.format(where or "empty"))
    if not key:
        raise BadAccess(_UNSET)
    headers = {"Authorization": f"Bearer {key}"}
    _check(f"{where}/mcp/", headers)
    _serve(f"{where}/mcp/", headers)


def _check(url: str, headers: dict[str, str]) -> None:
    """See that the monitor takes the token, where it answers."""
    try:
        answer = httpx.post(url, json=_PING, headers=headers, timeout=_PING_SECONDS)
    except httpx.HTTPError:
        return
    if answer.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
        raise TokenNotGood(f"{url} refuses the token of SWF_API_TOKEN: {answer.text[:200]}")


def _serve(url: str, headers: dict[str, str]) -> None:
    from fastmcp.client.transports import StreamableHttpTransport  # noqa: PLC0415 - takes a second
    from fastmcp.server import create_proxy  # noqa: PLC0415

    # A failed call is the assistant's to read; its traceback would be nobody's.
    logging.getLogger("fastmcp").setLevel(logging.CRITICAL)
    proxy = create_proxy(
        StreamableHttpTransport(url, headers=headers),
        name=NAME,
        instructions=INSTRUCTIONS,
        version=version("epic-prodops"),
    )
    proxy.run("stdio", show_banner=False)
