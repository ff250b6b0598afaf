"""An assistant for tests: FastMCP's own client, over HTTP, a session for each call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport

T = TypeVar("T")


class ToolRefused(AssertionError):
    """The tool answered an error, where an answer was expected."""


@dataclass(frozen=True)
class Assistant:
    """Calls the tools of the API that is served, with a token."""

    url: str
    token: str

    def tools(self) -> dict[str, Any]:
        """The tools, by name."""
        return {each.name: each for each in self.within(lambda client: client.list_tools())}

    def ask(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """What a tool answers."""
        result = self.result(tool, **arguments)
        if result.is_error:
            raise ToolRefused(result.content[0].text)
        return result.structured_content

    def refusal(self, tool: str, **arguments: Any) -> str:
        """Why a tool answers nothing."""
        result = self.result(tool, **arguments)
        assert result.is_error, result.structured_content
        assert result.structured_content["error"] == result.content[0].text
        return result.content[0].text

    def result(self, tool: str, **arguments: Any) -> Any:
        return self.within(lambda client: client.call_tool(tool, arguments, raise_on_error=False))

    def within(self, work: Callable[[Client], Awaitable[T]]) -> T:
        """Do something in a session of the client."""

        async def session() -> T:
            headers = {"Authorization": f"Bearer {self.token}"}
            transport = StreamableHttpTransport(f"{self.url}/mcp/", headers=headers)
            async with Client(transport) as client:
                return await work(client)

        return asyncio.run(session())
