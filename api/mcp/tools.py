"""What the MCP server says of itself."""

from __future__ import annotations

from pydantic import BaseModel

from api.http.tools.answers import Page, page
from api.http.tools.arguments import LARGEST_LIMIT, Limit, Offset
from api.http.tools.calls import Call
from api.http.tools.declaration import Tool, Toolbox, all_tools
from api.mcp.instructions import INSTRUCTIONS

toolbox = Toolbox()


class Instructions(BaseModel):
    """How to work with this server."""

    instructions: str


class ToolLine(BaseModel):
    """A tool."""

    name: str
    aliases: list[str]
    description: str
    parameters: list[str]


@toolbox.tool("get_server_instructions", "swf_get_server_instructions")
def get_server_instructions(call: Call) -> Instructions:  # noqa: ARG001 - as every tool
    """How to work with this server: what it knows, how its lists and requests work.

    Read it once, before anything else. For the tools one by one, use list_available_tools.
    """
    return Instructions(instructions=INSTRUCTIONS)


@toolbox.tool("list_available_tools", "swf_list_available_tools")
def list_available_tools(
    call: Call, *, limit: Limit = LARGEST_LIMIT, offset: Offset = 0
) -> Page[ToolLine]:
    """Every tool of this server once, with its other names, when to use it, and its arguments.

    Use it where you do not see the tools themselves; how they belong together,
    get_server_instructions says.
    """
    tools = all_tools()
    items = [_line(each) for each in tools[offset : offset + limit]]
    return page(items, len(tools), offset=offset, urls=[call.shown_at("The REST API", "/docs")])


def _line(tool: Tool) -> ToolLine:
    return ToolLine(
        name=tool.name,
        aliases=list(tool.aliases),
        description=tool.description,
        parameters=list(tool.form.model_fields),
    )
