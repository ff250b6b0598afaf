"""An MCP client over HTTP, in one session: what an assistant does, for the demo and benchmarks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from anyio.from_thread import BlockingPortal, start_blocking_portal
from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport

from blocks.errors import ProdOpsError


class ToolRefused(ProdOpsError):
    """A tool answered an error; says which, and why."""


@dataclass(frozen=True)
class Assistant:
    """A session that is open."""

    client: Client[Any]
    portal: BlockingPortal

    def tools(self) -> list[str]:
        """Names of the tools that the server offers."""
        return [each.name for each in self.portal.call(self.client.list_tools)]

    def ask(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """What a tool answers.

        Raises:
            ToolRefused: It answers an error.
        """
        call = partial(self.client.call_tool, tool, arguments, raise_on_error=False)
        result = self.portal.call(call)
        answer: dict[str, Any] = result.structured_content or {}
        if result.is_error:
            raise ToolRefused(f"{tool}: {answer.get('error', 'no reason was given')}")
        return answer


@contextmanager
def assistant(api_url: str, token: str) -> Iterator[Assistant]:
    """An assistant with a token, while the session is open."""
    headers = {"Authorization": f"Bearer {token}"}
    transport = StreamableHttpTransport(f"{api_url}/mcp/", headers=headers)
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(Client(transport)) as client,
    ):
        yield Assistant(client, portal)
