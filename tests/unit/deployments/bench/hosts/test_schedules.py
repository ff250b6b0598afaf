"""What the schedules of the bench of two hosts do."""

from __future__ import annotations

from deployments.bench.hosts.schedules import HOSTS, PROCESS, Kind, draw


def test_a_seed_gives_the_same_schedule_each_time():
    assert [draw(seed) for seed in range(20)] == [draw(seed) for seed in range(20)]


def test_every_kind_and_each_host_has_its_turn():
    drawn = [draw(seed) for seed in range(1, 51)]
    assert {each.kind for each in drawn} == set(Kind)
    assert {each.host for each in drawn} == set(range(1, HOSTS + 1))


def test_a_cut_may_last_longer_than_a_lease():
    cuts = [each.lasts_seconds for each in map(draw, range(1, 101)) if each.kind is Kind.CUT]
    assert min(cuts) < 30 < max(cuts)


def test_each_kind_that_kills_one_process_names_it():
    assert set(Kind) - set(PROCESS) == {Kind.HOST, Kind.CUT}
