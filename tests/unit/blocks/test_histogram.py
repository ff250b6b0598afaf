"""A histogram's buckets are those of Prometheus: an upper bound belongs to its bucket."""

from __future__ import annotations

from blocks.histogram import Histogram


def test_an_upper_bound_belongs_to_its_bucket():
    times = Histogram((1.0, 2.0))
    for seconds in (0.5, 1.0, 1.5, 2.0, 3.0):
        times.observe(seconds)
    assert times.cumulated() == [("1", 2), ("2", 4), ("+Inf", 5)]
    assert (times.number, times.seconds) == (5, 8.0)
