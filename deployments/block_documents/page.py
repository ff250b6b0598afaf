"""The generated page of the block types, their documents and their fields."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from prefect.blocks.core import Block

from deployments.block_documents.types import block_types, type_of
from deployments.markdown import page, table
from flows.common.outsides import OUTSIDES
from flows.common.sources import setting_of

_LIMITS = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "exclusiveMinimum": "more than {}",
    "exclusiveMaximum": "less than {}",
    "maxLength": "at most {} characters",
}


def text() -> str:
    """The page."""
    lines = [
        "How prodops reaches each outside service, as an operator sees and edits it in Prefect's",
        "UI under Blocks. A path names a file on the machine of the worker; no block holds what",
        "is in it. [Configure blocks](../how-to/configure-blocks.md) says how they are used.",
        "",
        *table(
            ("Service", "Type", "Document that the stack makes", "Setting that names another"),
            [
                (
                    each.title,
                    f"`{each.type_slug}`",
                    f"`{each.document}`",
                    f"`{setting_of(each, each.named_by)}`",
                )
                for each in OUTSIDES
            ],
        ),
    ]
    for each in block_types():
        lines += ["", *_type(each)]
    return page("Blocks", lines)


def _type(block: type[Block]) -> Iterator[str]:
    described = block.model_json_schema()
    yield f"## {block.get_block_type_name()} (`{block.get_block_type_slug()}`)"
    yield ""
    yield str(block._to_block_type().description)  # noqa: SLF001
    if block not in map(type_of, OUTSIDES):
        yield ""
        yield "Made by an operator, and named by `PRODOPS_PROVENANCE_MAIL_BLOCK`."
    yield ""
    required = described.get("required", ())
    yield from table(
        ("Field", "Values", "Default", "Meaning"),
        [
            (
                f"`{name}`",
                _values(field),
                "required" if name in required else _default(field),
                field["description"],
            )
            for name, field in described["properties"].items()
        ],
    )


def _default(field: Mapping[str, Any]) -> str:
    default = field.get("default")
    return "unset" if default in (None, []) else f"`{json.dumps(default)}`"


def _values(field: Mapping[str, Any]) -> str:
    """The type of a field, its choices and its bounds."""
    kinds = [each for each in field.get("anyOf", [field]) if each.get("type") != "null"]
    return " or ".join(map(_kind, kinds))


def _kind(schema: Mapping[str, Any]) -> str:
    if choices := schema.get("enum"):
        return " ".join(f"`{each}`" for each in choices)
    if items := schema.get("items"):
        return f"list of {_kind(items)}"
    kind = {"uri": "URL", "path": "path"}.get(schema.get("format", ""), schema["type"])
    limits = [words.format(schema[name]) for name, words in _LIMITS.items() if name in schema]
    return ", ".join([kind, *limits])
