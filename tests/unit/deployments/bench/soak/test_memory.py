"""Whether a part grows: which minutes are compared, and what counts as growth."""

from __future__ import annotations

import pytest

from deployments.bench.soak.memory import Growth, Look, Looks, Windows

HALF_AN_HOUR = 1800.0


def looks(mib_at: dict[str, list[float]], *, every: float = 10.0) -> Looks:
    number = len(next(iter(mib_at.values())))
    return Looks(
        [
            Look(place * every, {part: mib[place] for part, mib in mib_at.items()})
            for place in range(number)
        ]
    )


@pytest.mark.parametrize(
    ("seconds", "first", "last"),
    [
        (HALF_AN_HOUR, (300.0, 600.0), (1500.0, 1800.0)),
        (60.0, (10.0, 20.0), (50.0, 60.0)),
    ],
)
def test_five_minutes_are_compared_with_the_last_five_and_sixths_of_a_short_run(
    seconds: float, first: tuple[float, float], last: tuple[float, float]
):
    assert Windows.of(seconds) == Windows(first, last)


def test_a_part_that_grows_all_the_time_is_found_before_those_that_do_not():
    steady, growing = [100.0] * 181, [100.0 + place for place in range(181)]
    worst, other = looks({"api": steady, "relay": growing}).growths(HALF_AN_HOUR)
    assert worst.part == "relay"
    assert worst.ratio == pytest.approx((100 + 165) / (100 + 45))
    assert (other.part, other.ratio) == ("api", 1.0)


def test_what_a_part_takes_in_its_first_minutes_and_peaks_are_no_growth():
    mib = [10.0] * 20 + [100.0] * 161
    mib[178] = 900.0
    (found,) = looks({"api": mib}).growths(HALF_AN_HOUR)
    assert found == Growth("api", 100.0, 100.0)


def test_a_part_that_was_not_there_before_cannot_be_compared():
    first, last = Look(15.0, {"api": 1.0}), Look(55.0, {"api": 1.0, "bridge": 5.0})
    assert [each.part for each in Looks([first, last]).growths(60.0)] == ["api"]


def test_without_looks_there_is_nothing_to_compare():
    assert Looks().growths(60.0) == []
