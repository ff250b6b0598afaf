"""What an agent has dealt with, when work ends in another order than it began."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from deployments.agents.positions import Positions


def test_nothing_is_settled_beyond_what_is_under_way():
    said: list[int] = []
    positions = Positions(said.append)
    for number in (11, 12, 13):
        positions.hold(number)
    positions.release(12)
    positions.release(13)
    assert said[-1] == 10
    positions.release(11)
    assert said[-1] == 13


def test_a_message_is_under_way_as_long_as_any_piece_of_its_work():
    said: list[int] = []
    positions = Positions(said.append)
    positions.hold(5)
    positions.hold(5)
    positions.release(5)
    assert said == [4]
    positions.release(5)
    assert said == [4, 5]


def test_it_begins_where_the_stream_began_unless_more_is_known():
    said: list[int] = []
    positions = Positions(said.append)
    positions.begin_at(7)
    positions.begin_at(9)
    assert said == [7]
    assert Positions(said.append, 20).last == 20


def test_messages_without_a_number_settle_nothing():
    said: list[int] = []
    positions = Positions(said.append)
    positions.hold(None)
    positions.release(None)
    positions.begin_at(None)
    assert said == []


@given(st.permutations(range(1, 12)))
def test_in_whatever_order_work_ends_all_is_settled_at_last_and_never_too_early(order):
    said: list[int] = []
    positions = Positions(said.append)
    for number in range(1, 12):
        positions.hold(number)
    left = set(range(1, 12))
    for number in order:
        positions.release(number)
        left.discard(number)
        assert said[-1] == (min(left) - 1 if left else 11)
