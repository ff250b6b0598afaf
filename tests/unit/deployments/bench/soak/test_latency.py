"""How much longer triggers take under load, over kinds that take very different times."""

from __future__ import annotations

import pytest

from deployments.bench.outage import load
from deployments.bench.soak import latency
from deployments.bench.soak.kinds import Kind, Trigger

QUIET = {Kind.CHECK_PIPELINE: [0.4, 0.5, 0.6], Kind.SUBMIT: [4.0, 5.0, 6.0]}


def trigger(kind: Kind, request_id: int | None, asked_at: float) -> Trigger:
    wish = load.action("check_pipeline")
    wish.request_id, wish.asked_at = request_id, asked_at
    return Trigger(kind, wish)


def test_a_trigger_lasts_until_its_request_ended_also_one_that_joined():
    triggers = [trigger(Kind.SYNC, 7, 100.0), trigger(Kind.SYNC, 7, 101.0)]
    assert latency.taken(triggers, {7: 103.0}) == {Kind.SYNC: [3.0, 2.0]}


@pytest.mark.parametrize(
    "other",
    [
        trigger(Kind.SYNC, 8, 1.0),
        trigger(Kind.SYNC, None, 1.0),
        trigger(Kind.SAMPLE, 7, 1.0),
        trigger(Kind.STOPPED_WORKFLOW, 7, 1.0),
    ],
    ids=["open", "refused", "until idle", "until stopped"],
)
def test_what_has_not_ended_or_lasts_until_something_else_happens_has_no_time(other: Trigger):
    assert latency.taken([other], {7: 9.0}) == {}


def test_each_kind_counts_in_its_own_units():
    loaded = {Kind.CHECK_PIPELINE: [1.5], Kind.SUBMIT: [15.0]}
    assert latency.slowdown(QUIET, loaded, 50) == pytest.approx(3.0)
    assert latency.slowdown(QUIET, QUIET, 95) == pytest.approx(1.0)


def test_a_slow_tail_shows_at_the_high_percentile_alone():
    loaded = {Kind.CHECK_PIPELINE: [0.5] * 18 + [5.0, 5.0]}
    quiet = {Kind.CHECK_PIPELINE: [0.5] * 20}
    assert latency.slowdown(quiet, loaded, 50) == pytest.approx(1.0)
    assert latency.slowdown(quiet, loaded, 95) == pytest.approx(10.0)


def test_kinds_of_one_run_alone_are_not_compared():
    assert latency.slowdown(QUIET, {Kind.SYNC: [1.0]}, 50) is None
    assert latency.slowdown({}, {}, 50) is None


def test_the_table_has_every_kind_and_the_one_that_was_slowed_most_first():
    loaded = {Kind.SUBMIT: [50.0], Kind.CHECK_PIPELINE: [0.5], Kind.CANARY: [9.0]}
    lines = latency.table(QUIET, loaded).splitlines()
    assert [line.split()[0] for line in lines[1:]] == [
        "submit_task", "check_pipeline", "run_canary",
    ]  # fmt: skip
