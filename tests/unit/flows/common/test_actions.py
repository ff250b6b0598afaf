"""Every action's form: closed, so that nothing in it can be evaluated on the ops side."""

from collections.abc import Iterator
from typing import Any

import pytest

from blocks.errors import Invalid
from flows.common.actions import all_actions


def free_form(schema: Any, path: str) -> Iterator[str]:
    """The objects of a JSON schema that take keys which it does not name."""
    if isinstance(schema, dict):
        is_object = schema.get("type") == "object"
        if is_object and schema.get("additionalProperties") is not False:
            yield path
        if not schema.keys() - {"title", "description", "default"}:
            yield path  # anything at all
        for key, below in schema.items():
            names = below.items() if key in {"properties", "$defs"} else ()
            for name, each in names:
                yield from free_form(each, f"{path}.{name}")
            if key in {"items", "anyOf", "allOf", "oneOf", "prefixItems"}:
                for each in below if isinstance(below, list) else [below]:
                    yield from free_form(each, f"{path}.{key}")


@pytest.mark.parametrize("name", all_actions())
def test_no_form_has_a_free_form_mapping(name):
    schema = all_actions()[name].parameters.model_json_schema()
    assert list(free_form(schema, name)) == []


def test_the_walk_finds_a_free_form_mapping():
    mapping = {"type": "object", "additionalProperties": True}
    schema = {"type": "object", "additionalProperties": False, "properties": {"a": mapping}}
    assert list(free_form(schema, "x")) == ["x.a"]


EVALUATED = ("$ref", "__prefect_kind")


@pytest.mark.parametrize("name", all_actions())
@pytest.mark.parametrize("key", EVALUATED)
@pytest.mark.parametrize("depth", [0, 1, 5])
def test_what_prefect_would_evaluate_is_refused_at_any_depth(name, key, depth):
    parameters: dict[str, Any] = {key: {"block_document_id": "x"}}
    for _ in range(depth):
        parameters = {"field": [parameters]}
    with pytest.raises(Invalid) as refused:
        all_actions()[name].parse(parameters)
    assert any(path.endswith(key) for path in refused.value.fields)
