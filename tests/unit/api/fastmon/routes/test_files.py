"""What the agents' REST bodies may hold, and the words in which they are refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.fastmon.routes.files import FastMonFileForm, RunForm, StfFileForm
from api.http.errors import Rejection
from api.http.forms import Body, partial

RUN = {"run_number": 100123, "start_time": "2026-08-01T12:00:00Z"}
STF = {"run": 1, "stf_filename": "swf.100123.000001.stf"}
TF = {"stf_file": STF["stf_filename"], "tf_filename": "swf.100123.000001_tf_001.tf"}

FORMS = {"run": (RunForm, RUN), "stf": (StfFileForm, STF), "tf": (FastMonFileForm, TF)}


def sent(value: object) -> Body:
    return Body("application/json; charset=utf-8", json.dumps(value).encode())


def refusal(body: Body, form: type = RunForm) -> Rejection:
    with pytest.raises(Rejection) as caught:
        body.read(form)
    return caught.value


REFUSED = [
    ("run", "run_number", None, "This field may not be null."),
    ("run", "run_number", True, "A valid integer is required."),
    ("run", "run_number", "ten", "A valid integer is required."),
    ("run", "run_number", 1.5, "A valid integer is required."),
    ("run", "run_number", [1], "A valid integer is required."),
    (
        "run",
        "run_number",
        -(2**31) - 1,
        "Ensure this value is greater than or equal to -2147483648.",
    ),
    ("run", "run_number", 2**31, "Ensure this value is less than or equal to 2147483647."),
    ("run", "start_time", "0001-01-01T00:00:00Z", "Ensure the year is between 2 and 9998."),
    ("run", "run_conditions", [1], 'Expected a dictionary of items but got type "list".'),
    ("run", "run_conditions", {"a": [{"b\0": 1}]}, "Null characters are not allowed."),
    ("run", "run_conditions", {"a": "\ud800"}, "Surrogate characters are not allowed."),
    ("stf", "run", None, "This field may not be null."),
    ("stf", "run", True, "Incorrect type. Expected pk value, received bool."),
    ("stf", "run", "x", "Incorrect type. Expected pk value, received str."),
    ("stf", "run", 2**31, 'Invalid pk "2147483648" - object does not exist.'),
    ("stf", "stf_filename", 5, "Not a valid string."),
    ("stf", "stf_filename", " ", "This field may not be blank."),
    ("stf", "stf_filename", "a" * 256, "Ensure this field has no more than 255 characters."),
    ("stf", "stf_filename", "a\0b", "Null characters are not allowed."),
    ("stf", "stf_filename", "a\x1bb", "Control characters are not allowed."),
    ("stf", "stf_filename", "a\ud800", "Surrogate characters are not allowed."),
    ("stf", "stf_filename", "../a.stf", "Enter a file name without a path."),
    ("stf", "stf_filename", "a\\b.stf", "Enter a file name without a path."),
    ("stf", "stf_filename", "..", "Enter a file name without a path."),
    ("stf", "status", "REGISTERED", '"REGISTERED" is not a valid choice.'),
    ("stf", "status", "{x}", '"{x}" is not a valid choice.'),
    ("stf", "status", "\ud800", '"?" is not a valid choice.'),
    ("stf", "status", [], '"[]" is not a valid choice.'),
    ("stf", "status", None, "This field may not be null."),
    ("stf", "file_size_bytes", 2**63, f"Ensure this value is less than or equal to {2**63 - 1}."),
    ("stf", "workflow_id", "x", "Must be a valid UUID."),
    ("stf", "workflow_id", 7, "Must be a valid UUID."),
    ("stf", "daq_state", "s" * 21, "Ensure this field has no more than 20 characters."),
    ("tf", "stf_file", None, "This field may not be null."),
    ("tf", "stf_file", "", "This field may not be null."),
    ("tf", "stf_file", 5, "Invalid value."),
    ("tf", "stf_file", "a\0", "Null characters are not allowed."),
    ("tf", "tf_count", -1, "Ensure this value is greater than or equal to 0."),
]


@pytest.mark.parametrize(("form", "field", "value", "text"), REFUSED)
def test_a_bad_value_is_refused_by_its_field_in_the_words_of_the_original(form, field, value, text):
    model, good = FORMS[form]
    for shape in (model, partial(model)):
        refused = refusal(sent({**good, field: value}), shape)
        assert (refused.status, refused.body) == (400, {field: [text]})


@pytest.mark.parametrize("time", ["yesterday", 5, "2026-13-01T00:00:00", {}])
def test_a_bad_time_names_the_forms_that_a_time_may_have(time):
    (text,) = refusal(sent({**RUN, "start_time": time})).body["start_time"]
    assert text.startswith("Datetime has wrong format. Use one of these formats instead: YYYY-")


def test_a_form_names_each_field_that_is_missing():
    required = ["This field is required."]
    assert refusal(sent({})).body == {"run_number": required, "start_time": required}
    assert refusal(Body("", b"")).body == {"run_number": required, "start_time": required}


def test_a_patch_requires_no_field_and_knows_what_was_sent():
    assert sent({"end_time": None, "else": 1}).read(partial(RunForm)) == {"end_time": None}


def test_unknown_and_read_only_fields_are_ignored():
    read = sent({**RUN, "run_id": 5, "created_at": "x", "more": "\0"}).read(RunForm)
    assert set(read) == {"run_number", "start_time"}


@pytest.mark.parametrize("number", ["100123", 100123.0, " 100123 "])
def test_a_number_may_be_spelled_as_agents_spell_it(number):
    assert sent({**RUN, "run_number": number}).read(RunForm)["run_number"] == 100123


@pytest.mark.parametrize(
    ("text", "hour"),
    [("2026-08-01T12:00:00", 12), ("2026-08-01T12:00:00-05:00", 17), ("2026-08-01 12:00Z", 12)],
)
def test_a_time_is_kept_in_utc_and_taken_as_utc_where_it_names_no_zone(text, hour):
    read = sent({**RUN, "start_time": text}).read(RunForm)
    assert read["start_time"] == datetime(2026, 8, 1, hour, tzinfo=UTC)
    assert read["start_time"].tzinfo is UTC


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([], "Invalid data. Expected a dictionary, but got list."),
        ("x", "Invalid data. Expected a dictionary, but got str."),
        (None, "No data provided"),
    ],
)
def test_a_body_that_is_no_object_is_refused_as_a_whole(value, text):
    assert refusal(sent(value)).body == {"non_field_errors": [text]}


NO_JSON = {
    "cut": b"{",
    "not text": b"\xff\xfe{",
    "NaN": b'{"a": NaN}',
    "too large a float": b'{"a": 1e999}',
    "too long an integer": b'{"a": ' + b"9" * 5000 + b"}",
    "too deep": b"[" * 100_000,
}


@pytest.mark.parametrize("raw", NO_JSON.values(), ids=NO_JSON)
def test_what_is_no_json_is_a_parse_error(raw):
    refused = refusal(Body("application/json", raw))
    assert refused.status == 400
    assert str(refused.body["detail"]).startswith("JSON parse error - ")


def test_an_object_nested_beyond_the_bound_is_refused():
    deep: dict[str, object] = {}
    for _ in range(70):
        deep = {"a": deep}
    (text,) = refusal(sent({**RUN, "run_conditions": deep})).body["run_conditions"]
    assert text == "Ensure this value is nested no deeper than 64 levels."


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded"])
def test_a_body_that_a_foreign_page_could_post_is_not_taken_for_json(kind):
    refused = refusal(Body(kind, json.dumps(RUN).encode()))
    assert (refused.status, refused.body) == (
        415,
        {"detail": f'Unsupported media type "{kind}" in request.'},
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner),
    max_leaves=8,
)


@given(form=st.sampled_from(sorted(FORMS)), data=st.data())
def test_any_json_in_any_field_is_read_or_refused_naming_the_field(form, data):
    model, good = FORMS[form]
    field = data.draw(st.sampled_from(sorted(model.model_fields)))
    body = sent({**good, field: data.draw(JSON)})
    try:
        assert field in body.read(model)
    except Rejection as error:
        refused = error
    else:
        return
    assert refused.status == 400
    assert set(refused.body) in ({field}, {"detail"})
    json.dumps(refused.body, ensure_ascii=False).encode()
