"""Every action's form: closed, so that nothing in it can be evaluated on the ops side."""

from collections.abc import Iterator
from typing import Any

import pytest

from blocks.errors import Invalid
from flows.common.actions import all_actions
from flows.common.settings import settings


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


# ------------------------------------------------------------------ looks

LOOKS = {
    "fetch_payload_log": ("payload_logs", "limit", "fetches_a_minute"),
    "read_did": ("provenance", "read_limit", "reads_a_minute"),
}
"""What opening a page asks for, with the settings of its ceiling and its rate."""


def test_what_a_page_s_opening_asks_for_are_looks_and_nothing_else_is():
    assert {name for name, action in all_actions().items() if action.is_look} == set(LOOKS)


@pytest.mark.parametrize("name", LOOKS)
def test_a_look_has_the_ceiling_and_the_rate_that_are_set_for_it(name, monkeypatch):
    section, ceiling, rate = LOOKS[name]
    action = all_actions()[name]
    for value in (3, 5):
        for field in (ceiling, rate):
            monkeypatch.setenv(f"PRODOPS_{section}_{field}".upper(), str(value))
        settings.cache_clear()
        assert (action.at_a_time(), action.a_minute()) == (value, value)
