"""What the schedules of the bench of two hosts do."""

from __future__ import annotations

from deployments.bench.hosts.schedules import HOSTS, LEASE_SECONDS, OF_HOSTS, PROCESS, Kind, draw


def test_a_seed_gives_the_same_schedule_each_time():
    assert [draw(seed) for seed in range(20)] == [draw(seed) for seed in range(20)]


def test_every_kind_and_each_host_has_its_turn():
    drawn = [draw(seed) for seed in range(1, 51)]
    assert {each.kind for each in drawn} == set(Kind)
    assert {each.host for each in drawn} == set(range(1, HOSTS + 1))


def test_a_host_is_away_for_less_than_a_lease_and_for_longer_than_two():
    for kind in (Kind.HOST, Kind.CUT):
        away = [each.lasts_seconds for each in map(draw, range(1, 101)) if each.kind is kind]
        assert min(away) < LEASE_SECONDS < 2.5 * LEASE_SECONDS < max(away)


def test_each_kind_that_kills_one_process_names_it():
    assert set(Kind) - set(PROCESS) == OF_HOSTS
