"""So much is taken at once, and so much a second."""

from api.http.rate import Rate


def test_two_seconds_worth_is_taken_at_once_and_then_what_time_gives():
    time = [100.0]
    rate = Rate(10, clock=lambda: time[0])
    assert [rate.admits() for _ in range(21)] == [True] * 20 + [False]
    time[0] += 0.5
    assert [rate.admits() for _ in range(6)] == [True] * 5 + [False]
    time[0] += 3600
    assert sum(rate.admits() for _ in range(100)) == 20


def test_a_rate_below_one_a_second_still_takes_one():
    time = [0.0]
    rate = Rate(0.1, clock=lambda: time[0])
    assert [rate.admits(), rate.admits()] == [True, False]
    time[0] += 10
    assert rate.admits()
