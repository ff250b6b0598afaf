"""What is wrong with several fields, in one text."""

from __future__ import annotations

import pytest

from api.pcs.domain.refusals import in_one_text, whole


@pytest.mark.parametrize(
    ("errors", "text"),
    [
        ({"source_location": ["This field is required."]}, "source_location is required"),
        ({"jedi_task_id": ["A valid integer is required."]}, "jedi_task_id must be an integer"),
        ({"did": ["is not a DID"], "dids": ["a", "b"]}, "did: is not a DID; dids: a; dids: b"),
        ({"source": "text"}, "source: text"),
        (whole("Creating a new task requires: name"), "Creating a new task requires: name"),
        ({}, ""),
    ],
)
def test_each_field_stands_before_what_is_wrong_with_it(errors, text):
    assert in_one_text(errors) == text
