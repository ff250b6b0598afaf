"""What `prodops mcp` says itself of a call that the monitor did not answer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fastmcp.exceptions import NotFoundError, ToolError
from fastmcp.server.middleware import MiddlewareContext
from mcp import MCPError
from mcp_types import INTERNAL_ERROR, INVALID_REQUEST, CallToolRequestParams

from deployments.cli.mcp_monitor import Monitor
from deployments.cli.mcp_proxy import MonitorCheck


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ToolError("Error calling tool 'x'"), "it may have been done all the same"),
        (
            MCPError(INTERNAL_ERROR, "Client failed to connect"),
            "it may have been done all the same",
        ),
        (MCPError(INVALID_REQUEST, "More than 3 calls in a minute"), "More than 3 calls"),
        (NotFoundError("Unknown tool: 'x'"), "There is no tool 'x'. list_available_tools"),
    ],
)
def test_a_call_without_an_answer_is_told_with_what_to_do(monkeypatch, error, words):
    async def good(_self: Monitor) -> None: ...

    async def broken(_context: Any) -> Any:
        raise error

    monkeypatch.setattr(Monitor, "check", good)
    context = MiddlewareContext(message=CallToolRequestParams(name="x"), method="tools/call")
    check = MonitorCheck(Monitor("http://monitor/mcp/", {}))
    answer = asyncio.run(check.on_call_tool(context, broken))
    assert answer.is_error
    assert words in answer.structured_content["error"]
