"""What an address asks for of the log: read exactly, or refused with the reason."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import pytest

from api.http.search import BadQuery
from api.logs import search
from api.logs.search import Place, Search

RUN = uuid.UUID("01890a5d-ac96-774b-bcce-b302099a8057")
AT = datetime(2026, 8, 1, 12, 0, 0, 123456, tzinfo=UTC)


def test_an_address_without_filters_limits_nothing():
    assert search.read({}) == search.read({"level": "", "request": " "}) == Search()


def test_every_filter_is_read():
    asked = {
        "level": "warning", "part": "worker", "request": "#41", "run": str(RUN), "text": "50 %",
        "since": "2026-08-01T12:00", "until": "2026-08-01T14:00:00+02:00",
    }  # fmt: skip
    noon = datetime(2026, 8, 1, 12, tzinfo=UTC)
    assert search.read(asked) == Search(
        level="WARNING", part="worker", request=41, run=RUN, text="50 %", since=noon, until=noon
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("level", "LOUD"), ("part", "\x00"), ("request", "x"), ("request", "-1"), ("request", "²"),
        ("request", "9" * 30), ("run", "41"), ("text", "x" * 501), ("text", "\ud800"),
        ("since", "yesterday"), ("until", "9999-12-31T23:59"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_by_its_name(name, text):
    with pytest.raises(BadQuery, match=f"^{name}: "):
        search.read({name: text})


def test_a_place_of_the_list_comes_back_from_its_address():
    place = Place(AT, 41)
    assert Place.read("before", str(place)) == place
    assert Place.read("before", "") is None


@pytest.mark.parametrize("text", ["x", "1", "1.", "-1.2", "1.2.3", "9" * 18 + ".1", "¹.2", "٣.2"])
def test_what_is_no_place_is_refused(text):
    with pytest.raises(BadQuery, match=r"^before: "):
        Place.read("before", text)
