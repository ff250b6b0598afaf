"""Per cent: 100 is all, 0 is nothing, and nothing else is either."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.common.percent import in_words, percent


@given(st.integers(0, 10**9), st.integers(1, 10**9))
def test_only_all_is_a_hundred_and_only_nothing_is_zero(part, whole):
    found = percent(part, whole)
    assert found is not None
    assert (found == 100) == (part == whole)
    assert (found == 0) == (part == 0)
    assert (found > 100) == (part > whole)


@pytest.mark.parametrize(
    ("part", "whole", "words"),
    [
        (1012, 1013, "99.9"), (99_999, 100_000, "99.9"), (1, 100_000, "0.1"), (2, 3, "66.6"),
        (517, 517, "100"), (0, 517, "0"), (1, 2, "50.0"), (36, 34, "105.8"),
        (10**9 + 1, 10**9, "100.1"),
    ],
)  # fmt: skip
def test_it_is_rounded_down_to_a_tenth(part, whole, words):
    found = percent(part, whole)
    assert found is not None
    assert in_words(found) == words


def test_of_nothing_there_is_no_part():
    assert percent(0, 0) is None
