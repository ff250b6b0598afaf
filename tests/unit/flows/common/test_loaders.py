"""What Python cannot handle of a row's JSON is read as its text, and what is no object as one."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from pydantic import create_model
from sqlalchemy import select
from sqlalchemy.dialects import postgresql

from api.pcs.models import ProdTask
from api.pcs.views.catalogue import ProdConfigView
from flows.common.loaders import JsonObject, read_json

DIALECT = postgresql.dialect()


@pytest.mark.parametrize(
    "text", ["[" * 3000, "9" * 5000, "[" * 200 + "]" * 200, '{"a":' * 999 + "1"]
)
def test_json_that_cannot_be_handled_is_its_text(text):
    assert read_json(text) == read_json(text.encode()) == text


@pytest.mark.parametrize(
    "value", [{"a": [1]}, None, 7, "x", [[], {}] * 500, json.loads("[" * 64 + "]" * 64)]
)
def test_other_json_is_its_value(value):
    assert read_json(json.dumps(value)) == value


@pytest.mark.parametrize(
    ("kept", "found"),
    [({"a": 1}, {"a": 1}), ({}, {}), (None, None), (7, {"value": 7}), ([], {"value": []})],
)
def test_what_is_no_object_is_read_as_an_object_with_it(kept, found):
    assert JsonObject().process_result_value(kept, DIALECT) == found


def test_a_key_of_an_object_is_looked_for_as_in_any_json():
    query = select(ProdTask.id).where(ProdTask.overrides["a"].astext == "7")
    assert "(pcs_prod_task.overrides ->> " in str(query.compile(dialect=DIALECT))


def test_a_number_that_is_none_is_shown_with_the_rest_of_its_row():
    field = ProdConfigView.model_fields["target_hours_per_job"]
    shown = create_model("Shown", hours=(field.annotation, field))(hours=Decimal("NaN"))
    assert shown.model_dump_json() == '{"hours":"NaN"}'
