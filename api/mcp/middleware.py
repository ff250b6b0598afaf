"""What every message to the MCP server passes: the caller's limit, and errors in words."""

from __future__ import annotations

import difflib
from typing import Any, Final

from fastmcp.exceptions import NotFoundError, ToolError
from fastmcp.server.dependencies import get_http_request
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools.base import ToolResult
from mcp import MCPError
from mcp_types import INVALID_REQUEST, CallToolRequestParams

from api.http.tools.declaration import all_tools
from api.http.tools.serving import MAY_BE_DONE
from api.mcp.guard import visit_of
from api.mcp.limits import CallLimit, Kind, TooManyCalls
from blocks.errors import ProdOpsError

_CALL: Final = "tools/call"
_FREE: Final = frozenset({_CALL, "initialize", "server/discover", "ping"})
"""What is not counted as a list: calls are counted as such."""


def refused(error: ProdOpsError) -> ToolResult:
    """The answer of a call that came to nothing."""
    told = {"error": str(error), **error.details}
    return ToolResult(content=str(error), structured_content=told, is_error=True)


class ServerMiddleware(Middleware):
    """Counts what comes, and says in words why a call has no answer."""

    def __init__(self) -> None:
        self._tools = {name: each for each in all_tools() for name in each.names}

    async def on_request(self, context: MiddlewareContext[Any], call_next: CallNext[Any]) -> Any:
        """Refuse a list or a prompt that is one too many."""
        if context.method not in _FREE:
            try:
                _count(Kind.LIST)
            except TooManyCalls as error:
                raise MCPError(INVALID_REQUEST, str(error), dict(error.details)) from error
        return await call_next(context)

    async def on_call_tool(
        self,
        context: MiddlewareContext[CallToolRequestParams],
        call_next: CallNext[CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        """Refuse a call that is one too many, of no tool, or that breaks something inside."""
        name = context.message.name
        try:
            _count(Kind.CALL)
            return await call_next(context)
        except TooManyCalls as error:
            return refused(error)
        except NotFoundError:
            return refused(ProdOpsError(self._no_tool(name)))
        except ToolError:  # what broke is logged, and nobody's to read
            return refused(ProdOpsError(self._broken(name)))

    def _no_tool(self, name: str) -> str:
        close = difflib.get_close_matches(name, self._tools, n=1)
        meant = f" Did you mean {close[0]}?" if close else ""
        return f"There is no tool {name[:100]!r}.{meant} list_available_tools names them all."

    def _broken(self, name: str) -> str:
        text = f"{name} failed by a fault of the monitor, which its log tells."
        if self._tools[name].writes:
            return f"{text} {MAY_BE_DONE} Tell an operator."
        return f"{text} Tell an operator; other tools may still answer."


def _count(kind: Kind) -> None:
    visit = visit_of(get_http_request().scope)
    limit: CallLimit = visit.request.app.state.mcp_limit
    limit.count(visit.caller, kind)
