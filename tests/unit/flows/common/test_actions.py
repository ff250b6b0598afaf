"""Every action's form: closed, so that nothing in it can be evaluated on the ops side."""

from collections.abc import Iterator
from enum import Enum
from typing import Any, get_args

import pytest
from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo

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


# ------------------------------------------------------------------ what people are asked


def fields_of(form: type[BaseModel], path: str) -> Iterator[tuple[str, FieldInfo, Any]]:
    """Every field of a form and of the forms in it: its path, itself, its JSON schema."""
    shown = form.model_json_schema()["properties"] if form.model_fields else {}
    for name, field in form.model_fields.items():
        yield f"{path}.{name}", field, shown[name]
        for below in (field.annotation, *get_args(field.annotation)):
            if isinstance(below, type) and issubclass(below, BaseModel):
                yield from fields_of(below, f"{path}.{name}")


ASKED = [each for action in all_actions().values()
         for each in fields_of(action.parameters, action.name)]  # fmt: skip


def alternatives(schema: Any) -> list[Any]:
    return [each for each in schema.get("anyOf", [schema]) if each.get("type") != "null"]


@pytest.mark.parametrize(("path", "field", "_"), ASKED, ids=[each[0] for each in ASKED])
def test_every_field_says_what_it_is_in_a_sentence_of_its_own(path, field, _):
    text = field.description or ""
    assert len(text.split()) >= 3, path
    assert text.endswith("."), path
    assert "likewise" not in text, path


@pytest.mark.parametrize(("path", "field", "schema"), ASKED, ids=[each[0] for each in ASKED])
def test_what_is_shown_of_a_field_bounds_it(path, field, schema):
    for each in alternatives(schema):
        if each.get("type") in {"integer", "number"} and not path.endswith("overrides.value"):
            assert each.keys() & {"minimum", "exclusiveMinimum"}, path
        if each.get("type") == "array":
            assert "maxItems" in each, path


def test_what_is_one_of_a_few_is_shown_as_a_choice():
    found = {path for path, field, _ in ASKED if is_closed(field.annotation)}
    assert found == {
        "panda_task_operation.operation", "run_workflow.workflow", "settle_message.decision",
    }  # fmt: skip
    for path, field, schema in ASKED:
        if is_closed(field.annotation):
            assert "enum" in TypeAdapter(field.annotation).json_schema(), path
        if path == "run_workflow.config":
            assert schema["default"] in schema["enum"]


def is_closed(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Enum)


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
