"""The state machine of the data acquisition: sequence, times and counts of its messages."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from flows.common.run_states import LIFECYCLE
from flows.workflows.domain import data_taking
from flows.workflows.domain.data_taking import Identity, Timing, cut_off, take_data

STARTED = datetime(2026, 1, 2, tzinfo=UTC)
ME = Identity(
    run_number=100012,
    namespace="torre1",
    execution_id="stf_datataking-tester-0003",
    sender="stf_datataking-agent-tester-11",
    started=STARTED,
)
seconds = st.floats(0, 100).map(lambda each: round(each, 3))
timings = st.builds(
    Timing,
    before_imminent=seconds,
    before_start=seconds,
    before_first_stf=seconds,
    stf_interval=seconds,
    stf_interval_spread=st.floats(0, 1),
    after_last_stf=seconds,
    standby=seconds,
)
counts = st.lists(st.integers(0, 6), min_size=1, max_size=4)


def timeline(timing: Timing, stf_counts, seed: int = 0):
    return take_data(ME, timing, data_taking.periods(timing, stf_counts, seed=seed))


@given(timings, counts)
def test_states_alternate_and_ticks_never_go_back(timing, stf_counts):
    played = list(timeline(timing, stf_counts))
    kinds = [message["msg_type"] for _, message in played if message["msg_type"] in LIFECYCLE]
    standbys = ["pause_run", "resume_run"] * (len(stf_counts) - 1)
    assert kinds == ["run_imminent", "start_run", *standbys, "end_run"]
    ticks = [tick for tick, _ in played]
    assert ticks == sorted(ticks) == [message["simulation_tick"] for _, message in played]


@given(timings, counts)
def test_each_stf_comes_once_in_order_and_the_end_counts_them(timing, stf_counts):
    played = [message for _, message in timeline(timing, stf_counts)]
    stfs = [message for message in played if message["msg_type"] == "stf_gen"]
    assert [message["sequence"] for message in stfs] == list(range(1, sum(stf_counts) + 1))
    assert len({message["filename"] for message in stfs}) == len(stfs)
    assert played[-1]["total_stf_files"] == len(stfs)


@given(timings, counts, st.integers(0, 30))
def test_what_is_left_after_some_messages_is_the_same_every_time(timing, stf_counts, sent):
    whole = list(timeline(timing, stf_counts, seed=3))
    assert list(itertools.islice(timeline(timing, stf_counts, seed=3), sent, None)) == whole[sent:]


def test_a_seed_moves_stfs_within_their_interval_alone():
    timing = Timing(stf_interval=10.0, stf_interval_spread=0.5)
    drawn = {}
    for seed in (1, 2):
        played = timeline(timing, [20], seed=seed)
        drawn[seed] = [tick for tick, each in played if each["msg_type"] == "stf_gen"]
    assert drawn[1] != drawn[2]
    assert all(10 * n <= tick <= 10 * n + 5 for n, tick in enumerate(drawn[1]))


def test_endless_periods_are_made_as_they_are_asked_for():
    timing = Timing(stf_interval=1.0, standby=1.0)
    begun = itertools.islice(timeline(timing, itertools.repeat(2)), 1000)
    assert sum(message["msg_type"] == "stf_gen" for _, message in begun) > 400


@given(timings, counts, st.floats(0, 300))
def test_a_run_that_is_cut_off_ends_in_time_with_the_stfs_so_far(timing, stf_counts, limit):
    played = list(cut_off(timeline(timing, stf_counts), ME, limit))
    if timing.before_imminent > limit:
        assert played == []
        return
    kinds = [message["msg_type"] for _, message in played]
    assert kinds.count("end_run") == 1
    assert kinds[-1] == "end_run"
    assert played[-1][0] <= limit
    assert played[-1][1]["total_stf_files"] == kinds.count("stf_gen")


def test_a_captured_run_of_the_original_is_played_with_its_ticks():
    """The original's run of one STF, as captured: fast-monitoring contract section 1.5."""
    timing = Timing(before_imminent=0.5, before_start=1.3, before_first_stf=0.3, after_last_stf=0.2)
    played = list(timeline(timing, [1]))
    assert [(tick, message["msg_type"]) for tick, message in played] == [
        (0.5, "run_imminent"), (1.8, "start_run"), (2.1, "stf_gen"), (2.3, "end_run")
    ]  # fmt: skip
    stf = played[2][1]
    assert stf == {
        "msg_type": "stf_gen",
        "namespace": "torre1",
        "execution_id": "stf_datataking-tester-0003",
        "run_id": "100012",
        "filename": "swf.100012.000001.stf",
        "sequence": 1,
        "timestamp": (STARTED + timedelta(seconds=2.1)).isoformat(timespec="microseconds"),
        "simulation_tick": 2.1,
        "state": "run",
        "substate": "physics",
        "sender": "stf_datataking-agent-tester-11",
    }
    assert list(stf)[:9] == [
        "msg_type", "namespace", "execution_id", "run_id", "filename", "sequence", "timestamp",
        "simulation_tick", "state",
    ]  # fmt: skip
