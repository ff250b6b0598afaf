"""Ids after a restore."""

from __future__ import annotations

import pytest

from deployments.backup.history import EVENT_GAP, first_event_id


@pytest.mark.parametrize("newest", [0, 1, EVENT_GAP - 1, EVENT_GAP, 5 * EVENT_GAP + 7])
def test_events_go_on_at_a_round_id_a_whole_gap_later(newest):
    first = first_event_id(newest)
    assert first % EVENT_GAP == 0
    assert EVENT_GAP <= first - newest <= 2 * EVENT_GAP


def test_an_id_after_many_restores_is_one_that_a_browser_counts_with():
    assert first_event_id(1_000_000 * EVENT_GAP) < 2**53
