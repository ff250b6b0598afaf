"""What is done in a thread beside a bench: again and again, to its end, and never silently lost."""

import itertools
import threading

import pytest

from deployments.bench.common.meanwhile import meanwhile, peak_of


def test_it_is_done_again_and_again_and_not_after_the_end():
    third, numbers = threading.Event(), itertools.count(1)
    threads = threading.active_count()

    def count() -> None:
        if next(numbers) == 3:
            third.set()

    with meanwhile(count, every_seconds=0.001):
        assert third.wait(10)
    assert threading.active_count() == threads


def test_an_error_in_it_is_raised_at_the_end():
    def fail() -> None:
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"), meanwhile(fail, every_seconds=0):
        pass


def test_the_peak_is_the_largest_value_seen():
    values = iter([1.0, 3.0, 2.0])
    seen = threading.Event()

    def look() -> float:
        value = next(values, None)
        if value is None:
            seen.set()
        return value or 0.0

    with peak_of(look, every_seconds=0.001) as peak:
        assert seen.wait(10)
    assert peak.value == 3.0
