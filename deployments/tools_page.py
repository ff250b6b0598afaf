"""The page of the MCP server's tools, from their declarations."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_type_hints

from pydantic import BaseModel

from api.http.tools.answers import Page
from api.http.tools.declaration import Tool, all_tools
from api.mcp.prompts import all_prompts
from deployments.markdown import flowing, page, table

_PARAMETERS = ("Parameter", "Type", "Default", "Meaning")


def text() -> str:
    """The page."""
    tools = all_tools()
    lines = [
        "The tools that assistants call at `/mcp/` (see",
        "[connect an assistant](../how-to/connect-an-assistant.md)). A tool may be called by any",
        "of its names. Lists answer `items`, `total_count`, `has_more` and `monitor_urls`; an",
        "answer above 200 kB is cut, and `left_out` says what is missing. What a tool refuses is",
        "an error result (`isError`) with the reason as text and as `error`.",
    ]
    for tool in tools:
        lines += ["", *_described(tool)]
    lines += ["", "## Prompts", ""]
    lines += table(
        ("Prompt", "Arguments", "What it is for"),
        [
            (
                f"`{each.name}`",
                ", ".join(f"`{argument.name}`" for argument in each.arguments or ()),
                each.description or "",
            )
            for each in all_prompts()
        ],
    )
    return page("Tools for assistants", lines)


def _described(tool: Tool) -> Iterator[str]:
    yield f"## `{tool.name}`"
    yield ""
    yield flowing(tool.description)
    yield ""
    yield " · ".join(_remarks(tool))
    schema = tool.form.model_json_schema()
    rows = [
        (
            f"`{name}`",
            _type(about, schema.get("$defs", {})),
            _default(about, is_required=name in schema.get("required", ())),
            _meaning(about),
        )
        for name, about in schema.get("properties", {}).items()
    ]
    if rows:
        yield ""
        yield from table(_PARAMETERS, rows)


def _remarks(tool: Tool) -> Iterator[str]:
    if tool.aliases:
        yield "Also " + ", ".join(f"`{each}`" for each in tool.aliases)
    yield f"scope `{tool.scope}`"
    if not tool.writes:
        yield "reads"
    if tool.is_destructive:
        yield "destructive"
    if keys := ", ".join(f"`{each}`" for each in answer_keys(tool)):
        yield f"{'items have' if _is_list(tool) else 'answers'} {keys}"


def answer_keys(tool: Tool) -> list[str]:
    """The keys of a tool's answer, of a list's items; empty where it answers any mapping."""
    model = _answer(tool)
    if model is not None and issubclass(model, Page):
        item = get_args(model.model_fields["items"].annotation)[0]
        model = item if issubclass(item, BaseModel) else None
    return list(model.model_fields) if model is not None else []


def _answer(tool: Tool) -> type[BaseModel] | None:
    """The model of a tool's answer; None where that is any mapping."""
    model = get_type_hints(tool.function).get("return")
    return model if isinstance(model, type) and issubclass(model, BaseModel) else None


def _is_list(tool: Tool) -> bool:
    model = _answer(tool)
    return model is not None and issubclass(model, Page)


def _meaning(about: Mapping[str, Any]) -> str:
    said = (each.get("description") for each in (about, *about.get("anyOf", ())))
    return next((each for each in said if each), "")


def _default(about: Mapping[str, Any], *, is_required: bool) -> str:
    if is_required:
        return "required"
    value = about.get("default")
    return "unset" if value is None else f"`{json.dumps(value)}`"


def _type(about: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    choices = [each for each in about.get("anyOf", [about]) if each.get("type") != "null"]
    return " or ".join(_one_type(each, definitions) for each in choices)


def _one_type(about: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    for each in (about, *about.get("allOf", ())):
        if reference := each.get("$ref"):
            return _one_type(definitions[reference.split("/")[-1]], definitions)
    if values := about.get("enum"):
        return ", ".join(f"`{each}`" for each in values)
    kind = str(about.get("type", "any"))
    return f"{kind} ({about['format']})" if "format" in about else kind
