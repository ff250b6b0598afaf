"""The schedules of the outage bench: by their seed alone, and together of every kind."""

from __future__ import annotations

from collections import Counter

import pytest

from deployments.bench.outage.schedules import Kind, Schedule, Way, draw

FIFTY = [draw(seed) for seed in range(1, 51)]


def of(kind: Kind) -> list[Schedule]:
    return [each for each in FIFTY if each.kind is kind]


def test_a_schedule_is_its_seeds_alone():
    assert draw(17) == draw(17)
    assert str(draw(17)) == str(draw(17))
    assert draw(17) != draw(18)


@pytest.mark.parametrize("first", [0, 1, 23, 1000])
def test_any_fifty_have_every_kind_about_evenly(first: int):
    number = Counter(draw(seed).kind for seed in range(first, first + 50))
    assert set(number) == set(Kind)
    assert set(number.values()) <= {4, 5, 6}


@pytest.mark.parametrize("kind", [Kind.AWAY, Kind.FULL, Kind.PREFECT_AWAY, Kind.BROKER_AWAY])
def test_what_can_come_about_in_two_ways_does(kind: Kind):
    assert len({each.way for each in of(kind)}) == 2


def test_the_deployment_of_everything_that_is_asked_for_is_deleted():
    deleted = {each.deployment for each in of(Kind.DEPLOYMENT_DELETED)}
    assert deleted == {"submit_task", "sample_stfs", "fetch_payload_log"}
    assert {each.deployment for each in FIFTY} - deleted == {""}


def test_faults_last_five_to_fifteen_seconds_or_are_over_at_once():
    at_once = {Kind.RESTARTED, Kind.DEPLOYMENT_DELETED, Kind.POOL_DELETED}
    for each in FIFTY:
        lasts = each.lasts_seconds
        assert lasts == 0 if each.kind in at_once else 5 <= lasts <= 15


def test_a_schedule_prints_all_that_it_does():
    frozen = next(each for each in of(Kind.AWAY) if each.way is Way.FROZEN)
    deleted = of(Kind.DEPLOYMENT_DELETED)[0]
    assert f"seed {frozen.seed}: database away frozen after" in str(frozen)
    assert f"for {frozen.lasts_seconds:g} s" in str(frozen)
    assert f"deployment deleted {deleted.deployment} after" in str(deleted)
    assert "10 STF/s" in str(frozen)
