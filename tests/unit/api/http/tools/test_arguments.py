"""Arguments of a call: read, or refused in words that name them."""

from __future__ import annotations

import pytest

from api.http.tools.arguments import Arguments, Limit, Name, Time
from api.http.tools.calls import Call
from api.http.tools.declaration import Toolbox
from blocks.errors import Invalid, Refused

toolbox = Toolbox()


@toolbox.tool("look")
def look(call: Call, *, name: Name, since: Time | None = None, limit: Limit = 10) -> dict:
    """Look."""
    return {}


@toolbox.tool("wipe", confirm="deletes all of it")
def wipe(call: Call) -> dict:
    """Wipe."""
    return {}


LOOK, WIPE = toolbox.tools


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "look: name: This argument is required; accepted are: name, since, limit."),
        ({"name": "a", "nam": 1}, "nam: There is no such argument. Did you mean name?"),
        ({"name": "a", "zzz": 1}, "zzz: There is no such argument. Accepted are: name, since"),
        ({"name": 7}, "name: Input should be a valid string"),
        ({"name": "a", "limit": 0}, "limit: Input should be greater than or equal to 1"),
        ({"name": "a", "since": "yesterday"}, "since: Datetime has wrong format"),
        ({"name": "a\x00"}, "name: must not hold a NUL character"),
        ({"name": "\ud800"}, "name: holds half of a surrogate pair"),
        ({"name": "a" * 256}, "name: String should have at most 255 characters"),
        ({"name": "a", "x": {"y": "\x00"}}, "x: There is no such argument."),
    ],
)
def test_a_wrong_a_missing_and_an_additional_argument_are_named(given, words):
    with pytest.raises(Invalid) as caught:
        Arguments(LOOK, given)
    assert words in str(caught.value)


@pytest.mark.parametrize("nothing", ["", None])
def test_an_empty_optional_argument_was_left_out(nothing):
    found = Arguments(LOOK, {"name": "a", "since": nothing, "limit": nothing})
    assert found.by_name == {"name": "a", "since": None, "limit": 10}


def test_a_number_may_come_as_a_text():
    assert Arguments(LOOK, {"name": "a", "limit": "5"}).by_name["limit"] == 5


@pytest.mark.parametrize(
    ("sent", "zoneless"),
    [("2026-08-01T12:00:00", ["since"]), ("2026-08-01", ["since"]), ("2026-08-01T12:00Z", [])],
)
def test_a_time_without_a_zone_is_noticed_and_taken_to_be_in_utc(sent, zoneless):
    found = Arguments(LOOK, {"name": "a", "since": sent})
    assert found.zoneless == zoneless
    assert found.by_name["since"].isoformat().endswith("+00:00")


def test_what_is_to_be_confirmed_is_done_only_then():
    with pytest.raises(Refused, match=r"wipe deletes all of it\. Ask the person.*confirm=true"):
        Arguments(WIPE, {})
    assert Arguments(WIPE, {"confirm": True}).by_name == {}
    assert "to confirm that it deletes" in str(WIPE.form.model_json_schema())
