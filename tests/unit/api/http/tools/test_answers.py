"""Answers of tools, and the bound on their size."""

from __future__ import annotations

import json

import pydantic_core
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.http.tools.answers import AnswerTooLarge, bounded, page

MOST = 20_000
NARROW = "Ask for less."
texts = st.text(max_size=50)
values = st.recursive(
    st.none() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=5),
    max_leaves=30,
)


def cut(answer):
    return bounded(answer, narrow=NARROW, most_bytes=MOST)


def test_a_small_answer_stays_as_it_is():
    assert cut({"a": [1, 2]}) == {"a": [1, 2]}


def test_a_page_that_is_too_large_has_more_and_says_what_is_left_out():
    found = cut(page([{"text": "x" * 100}] * 1000, 1000, offset=0))
    assert len(json.dumps(found)) <= MOST
    assert found["has_more"]
    assert found["total_count"] == 1000
    whole, entries, narrow = found["left_out"]
    assert whole.startswith("The whole answer has 1")
    assert entries == f"items: {1000 - len(found['items'])} of 1000 entries are left out."
    assert narrow == NARROW


@pytest.mark.parametrize("path", ["text", "deep.er.text", "items.0.text"])
def test_a_long_text_is_cut_wherever_it_stands(path):
    first, *rest = path.split(".")
    found = "ä" * 100_000
    for key in reversed(rest):
        found = [found] if key == "0" else {key: found}
    answer = cut({"id": 7, first: found})
    assert answer["id"] == 7
    assert len(json.dumps(answer, ensure_ascii=False).encode()) <= MOST
    assert f"{path}: the last" in answer["left_out"][1]


@pytest.mark.parametrize("number", [2, 21, 49, 51, 500])
@pytest.mark.parametrize("path", ["conditions", "run.conditions"])
def test_an_object_of_long_texts_is_cut_however_many_they_are(number, path):
    inner = {f"k{each}": "y" * (200_000 // number) for each in range(number)}
    answer = cut({"id": 7, path.split(".")[0]: {"conditions": inner} if "." in path else inner})
    assert answer["id"] == 7
    assert MOST // 4 < len(json.dumps(answer)) <= MOST
    assert answer["left_out"][1].startswith(path)


def test_many_long_texts_side_by_side_are_cut_one_after_another_and_told_in_few_words():
    answer = cut({f"k{each}": "y" * 5_000 for each in range(40)})
    assert len(answer) == 41
    assert len(json.dumps(answer)) <= MOST
    assert answer["left_out"][-2] == "So it is in 29 more places."


@given(values, st.integers(1, 400))
def test_whatever_the_answer_it_is_bounded_and_can_be_sent(value, times):
    answer = cut({"all": {f"k{number}": value for number in range(times)}})
    assert len(pydantic_core.to_json(answer)) <= MOST


def test_where_nothing_can_be_left_out_it_is_refused():
    with pytest.raises(AnswerTooLarge, match=f"whole answer has.*{NARROW}"):
        cut({f"k{number}": "x" * 10 for number in range(5000)})


def test_a_number_that_json_lacks_becomes_null():
    assert cut({"a": float("nan")}) == {"a": None}


@pytest.mark.parametrize(("offset", "has_more"), [(0, True), (7, True), (8, False), (20, False)])
def test_a_page_has_more_while_some_are_left(offset, has_more):
    assert page(["a", "b"], 10, offset=offset).has_more is has_more
