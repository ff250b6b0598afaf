"""Deployments as Prefect shows them."""

from __future__ import annotations

import json

import pytest

from deployments.catalogue import form_schema
from flows.common import actions


@pytest.mark.parametrize("action", actions.all_actions().values(), ids=lambda each: each.name)
def test_the_run_form_finds_every_choice_and_shows_the_fields_in_their_order(action):
    schema = form_schema(action)
    assert "$defs" not in json.dumps(schema)
    fields = schema.get("properties", {})
    assert [each["position"] for each in fields.values()] == list(range(len(fields)))
    assert list(fields) == list(action.parameters.model_fields)
    for field in fields.values():
        if name := field.get("$ref", "").removeprefix("#/definitions/"):
            assert name in schema["definitions"]


def test_a_choice_is_one_of_its_definitions():
    found = form_schema(actions.get("panda_task_operation"))["definitions"]["TaskOperation"]
    assert found["enum"] == ["increase_attempts", "retry_failures", "pause", "resume"]
