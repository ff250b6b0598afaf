"""What an address asks for is taken exactly, or refused with the name of the parameter."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.http.search import LONGEST, BadQuery, exact, one_of, words


@given(st.text(max_size=40))
def test_what_is_taken_is_as_it_was(text: str):
    for take in (exact, words):
        try:
            assert take("q", text) == text
        except BadQuery as error:
            assert str(error).startswith("q: ")  # noqa: PT017 - either is right


@pytest.mark.parametrize("text", ["e ", " e", "e  p", "e\tp", " ", "e\n"])
def test_a_blank_that_may_be_a_lost_plus_is_refused(text: str):
    with pytest.raises(BadQuery, match="%2B"):
        words("q", text)
    assert exact("rse", text) == text


@pytest.mark.parametrize(
    "text", ["SINGLE/e /1GeV", "EXCLUSIVE/ /x", "DIS/e p/18x275", "/RECO/x e/y", "a/ b", "mu /1GeV"]
)
def test_a_blank_within_a_path_is_refused_as_the_plus_that_it_may_have_been(text: str):
    with pytest.raises(BadQuery, match="write \\+ as %2B"):
        words("q", text)


@pytest.mark.parametrize(
    "text", ["SINGLE/e+/1GeV", "DIS 18x275", "26.05.0 SINGLE/e-", "DIS/NC craterlake"]
)
def test_words_and_a_path_beside_a_word_are_taken(text: str):
    assert words("q", text) == text


@pytest.mark.parametrize("text", ["x" * (LONGEST + 1), "\x00", "\ud800"])
def test_what_nothing_can_hold_is_refused(text: str):
    for take in (exact, words):
        with pytest.raises(BadQuery):
            take("q", text)


def test_what_is_none_of_the_choices_is_refused_with_them():
    assert (one_of("finding", "found", ["found"]), one_of("finding", "", ["found"])) == (
        "found", "",
    )  # fmt: skip
    for text in ("Found", "found ", "x"):
        with pytest.raises(BadQuery, match="is none of found, missing"):
            one_of("finding", text, ["found", "missing"])
