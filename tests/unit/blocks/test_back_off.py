"""Pauses between attempts grow, and end."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from blocks.back_off import BackOff


@given(st.integers(1, 10_000))
def test_pauses_grow_to_the_longest_and_never_beyond(failures):
    pause = BackOff(first_seconds=1, longest_seconds=30).pause_seconds(failures)
    assert min(30, 2 ** min(failures - 1, 5)) / 2 <= pause <= 30
