"""What `prodops mcp` says itself: that the monitor is away, or refuses the token."""

from __future__ import annotations

from typing import Any, Final

from fastmcp.exceptions import NotFoundError, ToolError
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools.base import ToolResult
from mcp import MCPError
from mcp_types import INTERNAL_ERROR, INVALID_REQUEST, CallToolRequestParams

from deployments.cli.mcp_monitor import Monitor, MonitorAway, TokenNotGood

_CALL: Final = "tools/call"
_PASSED_ON: Final = ("tools/", "prompts/", "resources/")
_BROKE_OFF: Final = (
    "The monitor broke off while it was asked. If the call changes anything, it may have been done "
    "all the same: look before you call it again."
)


class MonitorCheck(Middleware):
    """Asks the monitor whether it answers before anything is passed on to it.

    Without that, one that is away would seem to have no tools.
    """

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor

    async def on_request(self, context: MiddlewareContext[Any], call_next: CallNext[Any]) -> Any:
        """Refuse a list or a prompt that cannot be passed on."""
        method = context.method or ""
        if method != _CALL and method.startswith(_PASSED_ON):
            try:
                await self._monitor.check()
            except (MonitorAway, TokenNotGood) as error:
                raise MCPError(INTERNAL_ERROR, f"{error}.") from error
        return await call_next(context)

    async def on_call_tool(
        self,
        context: MiddlewareContext[CallToolRequestParams],
        call_next: CallNext[CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        """Refuse a call that cannot be passed on, or that was broken off."""
        try:
            await self._monitor.check()
            return await call_next(context)
        except (MonitorAway, TokenNotGood) as error:
            return _refused(f"{error}. Nothing was done.")
        except NotFoundError:
            name = context.message.name[:100]
            text = f"There is no tool {name!r}. list_available_tools names them all."
            return _refused(text)
        except MCPError as error:  # the monitor refuses so the list that a call is looked up in
            return _refused(error.message if error.code == INVALID_REQUEST else _BROKE_OFF)
        except ToolError:  # all else that the monitor refuses is answered, not raised
            return _refused(_BROKE_OFF)


def _refused(text: str) -> ToolResult:
    return ToolResult(content=text, structured_content={"error": text}, is_error=True)
