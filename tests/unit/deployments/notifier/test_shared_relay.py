"""Whether the relay of users' own mail may be tried."""

from __future__ import annotations

import time

import pytest

from deployments.notifier.shared_relay import SharedRelay


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands, and is moved on."""
    moments = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: moments[0])

    def move(seconds: float) -> None:
        moments[0] += seconds

    return move


def test_it_is_left_alone_for_longer_with_each_failure_but_not_for_ever(clock):
    relay = SharedRelay(longest_pause_seconds=8.0)
    for longest in (1.0, 2.0, 4.0, 8.0, 8.0):
        relay.note_away()
        clock(longest / 2 - 0.01)
        assert not relay.is_open()
        clock(longest / 2 + 0.01)
        assert relay.is_open()


def test_an_answer_makes_the_next_pause_short_again(clock):
    relay = SharedRelay(longest_pause_seconds=300.0)
    for _ in range(10):
        relay.note_away()
    clock(300.0)
    relay.note_answered()
    relay.note_away()
    clock(1.0)
    assert relay.is_open()


def test_one_that_has_had_its_rate_is_asked_again_soon(clock):
    relay = SharedRelay(longest_pause_seconds=300.0)
    relay.note_full()
    assert not relay.is_open()
    clock(1.0)
    assert relay.is_open()
