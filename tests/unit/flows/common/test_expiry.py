"""How near the end of a credential is."""

from datetime import UTC, datetime, timedelta

import pytest

from flows.common import expiry

AT = datetime(2026, 8, 1, 12, tzinfo=UTC)
THRESHOLDS = (7.0, 3.0, 1.0)


@pytest.mark.parametrize(
    ("days", "nearest"),
    [(8, None), (7, 7.0), (3.1, 7.0), (2.9, 3.0), (0.5, 1.0), (0, expiry.EXPIRED), (-9, 0.0)],
)
def test_the_nearest_threshold_that_is_behind_counts(days, nearest):
    assert expiry.crossed(AT + timedelta(days=days), AT, THRESHOLDS) == nearest


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (timedelta(days=3), "it expires at 2026-08-04 12:00 UTC, in 3 days"),
        (timedelta(hours=26), "it expires at 2026-08-02 14:00 UTC, in 26 hours"),
        (timedelta(minutes=9), "it expires at 2026-08-01 12:09 UTC, in 9 minutes"),
        (timedelta(days=-2), "it expired at 2026-07-30 12:00 UTC, 2 days ago"),
    ],
)
def test_an_end_is_said_with_how_far_it_is(left, words):
    assert expiry.in_words(AT + left, AT) == words
