"""`prodops mcp`: the MCP server over standard input and output, for assistants on this machine.

It passes everything on to the monitor's MCP server with the user's token, and knows no database.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from importlib.metadata import version
from typing import Final

from api.mcp.instructions import INSTRUCTIONS, NAME
from blocks.errors import ProdOpsError
from deployments.cli.mcp_monitor import Monitor, MonitorAway
from deployments.cli.monitor_access import Token, Url, any_token, monitor_url

_UNSET: Final = (
    "SWF_API_TOKEN is not set: set it, or give --token; `prodops token create` makes a token"
)
_NO_URL: Final = "SWF_MONITOR_URL is no http:// or https:// address: {}"


class BadAccess(ProdOpsError):
    """It is not said where the monitor is, or by which token it is asked."""

    exit_code = 2


def serve_stdio(url: Url = None, token: Token = None) -> None:
    """Serve the monitor's tools to an assistant over standard input and output.

    Ends with 2 where the monitor's address or the token is missing, with 3 where the token is not
    good. While the monitor is away, every call is answered so; it is asked again at the next.
    """
    where, key = monitor_url(url).rstrip("/"), any_token(token)
    if not where.startswith(("http://", "https://")):
        raise BadAccess(_NO_URL.format(where or "empty"))
    if not key:
        raise BadAccess(_UNSET)
    headers = {"Authorization": f"Bearer {key}"}
    monitor = Monitor(f"{where}/mcp/", headers)
    with suppress(MonitorAway):
        asyncio.run(monitor.check())
    _serve(monitor)


def _serve(monitor: Monitor) -> None:
    from fastmcp.client.transports import StreamableHttpTransport  # noqa: PLC0415 - takes a second
    from fastmcp.server import create_proxy  # noqa: PLC0415

    from deployments.cli.mcp_proxy import MonitorCheck  # noqa: PLC0415

    # A failed call is the assistant's to read; its traceback would be nobody's.
    logging.getLogger("fastmcp").setLevel(logging.CRITICAL)
    proxy = create_proxy(
        StreamableHttpTransport(monitor.url, headers=dict(monitor.headers)),
        name=NAME,
        instructions=INSTRUCTIONS,
        version=version("epic-prodops"),
        middleware=[MonitorCheck(monitor)],
        provider_error_strategy="raise",
    )
    proxy.run("stdio", show_banner=False)
