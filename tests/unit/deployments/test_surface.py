"""What peers, scripts and operators rely on, held against the record of it.

REST operations, settings, commands with their options, and events' types. Descriptions are free.
`python -m tests.unit.deployments.test_surface` records the present surface anew, at a release.
"""

from __future__ import annotations

import hashlib
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from deployments import reference
from flows.common.settings import GROUPS, names_of

RECORD = Path(__file__).with_name("surface.json")
WORDS = {"description", "summary", "title", "examples", "operationId"}
CHANGED: dict[str, set[str]] = {
    "operations": set(),
    "settings": set(),
    "commands": set(),
}
"""What differs from the record, each by intention; the changelog says why."""
METHODS = {"get", "put", "post", "delete", "patch", "options", "head"}


@cache
def surface() -> dict[str, dict[str, Any]]:
    document = json.loads(reference.pages()["docs/reference/openapi.json"])
    return {
        "operations": dict(sorted(_operations(document))),
        "settings": {
            name: reference.shown_value(group, field)
            for group in GROUPS.values()
            for field in group.model_fields
            for name in names_of(group, field)
        },
        "commands": {name: _options(command) for name, command in reference.commands().items()},
    }


def _operations(document: dict[str, Any]) -> Any:
    """Each operation with a digest of its form, the schemas that it refers to included."""
    schemas = document["components"]["schemas"]
    for path, item in document["paths"].items():
        for method in METHODS & item.keys():
            form = json.dumps(_resolved(item[method], schemas, ()), sort_keys=True)
            digest = hashlib.sha256(form.encode()).hexdigest()[:12]
            yield f"{method.upper()} {path}", digest


def _resolved(value: Any, schemas: dict[str, Any], within: tuple[str, ...]) -> Any:
    if isinstance(value, list):
        return [_resolved(each, schemas, within) for each in value]
    if not isinstance(value, dict):
        return value
    if "$ref" in value:
        name = value["$ref"].rpartition("/")[2]
        return name if name in within else _resolved(schemas[name], schemas, (*within, name))
    return {
        key: _resolved(each, schemas, within)
        for key, each in value.items()
        if not (key in WORDS and isinstance(each, str | list))
    }


def _options(command: Any) -> list[str]:
    shown = [each for each in command.params if not each.hidden]
    return sorted({name for each in shown for name in (*each.opts, *each.secondary_opts)})


@pytest.mark.parametrize("kind", ["operations", "settings", "commands"])
def test_the_surface_is_that_of_the_record(kind: str):
    recorded, present = json.loads(RECORD.read_text())[kind], surface()[kind]
    changed = {name for name in recorded | present if recorded.get(name) != present.get(name)}
    assert changed == CHANGED[kind]


def test_the_events_are_those_of_the_record():
    text = (reference.ROOT / "docs" / "reference" / "messages.md").read_text()
    outgoing = text[text.index("## Published") : text.index("## Frames of the stream")]
    named = set(re.findall(r"^(?:### |\| )`(\w+)`", outgoing, flags=re.MULTILINE))
    events = set(json.loads(RECORD.read_text())["events"])
    sources = [
        path.read_text()
        for folder in ("flows", "deployments/relay")
        for path in (reference.ROOT / folder).rglob("*.py")
    ]
    assert events <= named
    assert {name for name in events if not any(f'"{name}"' in each for each in sources)} == set()


if __name__ == "__main__":
    record = {**surface(), "events": json.loads(RECORD.read_text())["events"]}
    RECORD.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")
