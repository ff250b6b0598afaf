"""The state machine's parameters: the times and the numbers of STFs that they give."""

from __future__ import annotations

import itertools

import pytest

from flows.workflows import configurations
from flows.workflows.domain.parameters import DaqStateMachine


def daq(**changed) -> DaqStateMachine:
    plain = configurations.load("daq_state_machine").daq()
    return DaqStateMachine(**plain.model_dump() | changed)


def original_stfs(duration: float, interval: float, generation: float) -> tuple[int, float]:
    """The original's loop (TB-dt): number of STFs, and the seconds after the last one's begin.

    In milliseconds: the original's own sum of floats gives an STF too many now and then.
    """
    end, pause, making = (round(1000 * each) for each in (duration, interval, 0.1 + generation))
    tick, stfs, last = 0, 0, 0
    while tick < end:
        stfs, last = stfs + 1, tick
        tick += making
        if tick < end:
            tick += pause
    return stfs, (tick - last) / 1000


@pytest.mark.parametrize("duration", [0.0, 0.05, 0.2, 1.0, 2.2, 2.3, 10.0, 59.9])
@pytest.mark.parametrize(("interval", "generation"), [(2.0, 0.1), (0.0, 0.1), (0.5, 0.0)])
def test_a_duration_gives_as_many_stfs_as_the_original_s_loop(duration, interval, generation):
    given = daq(
        physics_period_duration=duration, stf_interval=interval, stf_generation_time=generation
    )
    stfs, after_last = original_stfs(duration, interval, generation)
    assert list(given.stf_counts()) == [stfs, stfs]
    assert not stfs or given.timing.after_last_stf == pytest.approx(after_last)


def test_a_count_gives_that_many_in_each_period_whatever_the_duration():
    given = daq(stf_count=4, physics_period_count=3, physics_period_duration=0)
    assert list(given.stf_counts()) == [4, 4, 4]
    assert given.timing.after_last_stf == pytest.approx(0.2)


def test_no_count_of_periods_is_endless():
    given = daq(physics_period_count=0, stf_count=1)
    assert given.is_endless
    assert list(itertools.islice(given.stf_counts(), 50)) == [1] * 50


def test_delays_of_the_states_add_up_as_the_original_waits():
    timing = daq().timing
    assert timing.before_imminent == 5
    assert timing.before_start == pytest.approx(0.1 + 1 + 5 + 2)
    assert timing.standby == pytest.approx(0.1 + 1 + 2)
    assert timing.after_end == pytest.approx(0.1 + 1 + 5)
