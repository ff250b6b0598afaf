"""The MCP server of the web tier, made of the tools that the capabilities declare."""

from __future__ import annotations

import logging
from functools import cache
from importlib.metadata import version
from typing import Any

from fastmcp import FastMCP
from fastmcp.server.dependencies import get_http_request
from fastmcp.tools import Tool
from fastmcp.tools.base import ToolResult
from mcp_types import ToolAnnotations
from pydantic import PrivateAttr

from api.http.tools import declaration
from api.http.tools.serving import ToolFailed, serve
from api.mcp.guard import visit_of
from api.mcp.instructions import INSTRUCTIONS, NAME
from api.mcp.middleware import ServerMiddleware, refused
from api.mcp.prompts import all_prompts


class ServedTool(Tool):
    """A declared tool, under one of its names."""

    _declared: declaration.Tool = PrivateAttr()

    @classmethod
    def of(cls, declared: declaration.Tool, name: str) -> ServedTool:
        """The tool under that name."""
        is_alias = name != declared.name
        text = f"Same as {declared.name}." if is_alias else declared.description
        annotations = ToolAnnotations(
            read_only_hint=not declared.writes,
            destructive_hint=declared.is_destructive,
            idempotent_hint=declared.is_idempotent or not declared.writes,
            open_world_hint=False,
        )
        tool = cls(
            name=name, description=text, parameters=_schema(declared), annotations=annotations
        )
        tool._declared = declared
        return tool

    async def run(self, arguments: dict[str, Any]) -> ToolResult:
        """The answer; where there is none, an error that says why, and what to do."""
        visit = visit_of(get_http_request().scope)
        try:
            answer = await serve(
                self._declared, arguments, caller=visit.caller, request=visit.request
            )
        except ToolFailed as failed:
            return refused(failed)
        return ToolResult(structured_content=answer)

    def get_meta(self) -> dict[str, Any]:
        """Nothing: that a tool has no tags needs no saying, two hundred times."""
        return {}


def make_server() -> FastMCP[None]:
    """The server, with every tool and prompt."""
    _log_as_we_do()
    server: FastMCP[None] = FastMCP(
        NAME,
        INSTRUCTIONS,
        version=version("epic-prodops"),
        tools=_tools(),
        middleware=[ServerMiddleware()],
        mask_error_details=True,
        on_duplicate="error",
    )
    for prompt in all_prompts():
        server.add_prompt(prompt)
    return server


@cache
def _tools() -> list[Tool]:
    return [ServedTool.of(each, name) for each in declaration.all_tools() for name in each.names]


def _schema(declared: declaration.Tool) -> dict[str, Any]:
    """The form's schema without the titles, which only repeat the names."""
    schema = declared.form.model_json_schema()
    schema.pop("title", None)
    schema.pop("description", None)
    for about in schema.get("properties", {}).values():
        about.pop("title", None)
        for choice in about.get("anyOf", ()):  # what is said of one choice is said of the argument
            if text := choice.pop("description", None):
                about.setdefault("description", text)
    return {"properties": {}, **schema, "additionalProperties": False}


def _log_as_we_do() -> None:
    """Let what FastMCP logs go where the part's lines go: it sets up a handler of its own."""
    logger = logging.getLogger("fastmcp")
    logger.handlers.clear()
    logger.propagate = True
    logger.setLevel(logging.WARNING)
