"""The figures of schedules on two hosts."""

from __future__ import annotations

from datetime import UTC, datetime

from deployments.bench.common.figures import Report
from deployments.bench.hosts.custody import AttemptEnd
from deployments.bench.hosts.report import Played, Strike, fill
from deployments.bench.hosts.schedules import Kind, draw
from deployments.bench.outage.checks import Breach, BreachKind

BEGAN = datetime(2026, 11, 30, 12, tzinfo=UTC)
SEEDS = {draw(seed).kind: seed for seed in range(1, 51)}


def played(kind: Kind, *, after: float | None = None, breaches: tuple[Breach, ...] = ()) -> Played:
    ends = []
    if after is not None:
        at = datetime.fromtimestamp(BEGAN.timestamp() + after, UTC)
        error = "worker w@host1 was lost while it held the request"
        ends.append(AttemptEnd(at, 1, "sample_stfs", 1, "w@host1", at, "queued", error))
    return Played(
        schedule=draw(SEEDS[kind]),
        wishes=10,
        strike=Strike(BEGAN.timestamp(), BEGAN.timestamp() + 9, BEGAN.timestamp() + 13, 3.5),
        quiet_seconds=5.0,
        ends=ends,
        clients={"interruptions": 50},
        breaches=breaches,
    )


def figures(*all_played: Played) -> dict[str, float | None]:
    report = Report("hosts")
    fill(report, all_played, wanted=len(all_played))
    return {each.name: each.value for each in report.figures}


def test_each_kind_of_breach_is_a_figure_that_must_be_0():
    kinds = [BreachKind.LOST, BreachKind.DOUBLED, BreachKind.DOUBLED, BreachKind.FALSE_END]
    found = figures(played(Kind.API, breaches=tuple(Breach(kind, "it") for kind in kinds)))
    assert [found[name] for name in ("lost", "doubled", "false_ends")] == [1, 2, 1]
    assert not any(figures(played(Kind.API))[name] for name in ("lost", "doubled", "false_ends"))


def test_a_schedule_with_a_breach_fails_the_bench_and_says_how_to_play_it_again():
    report = Report("hosts")
    fill(report, [played(Kind.CUT, breaches=(Breach(BreachKind.TAKEN, "request 7"),))], wanted=1)
    assert not report.is_met
    assert f"prodops bench hosts --only {SEEDS[Kind.CUT]}" in report.notes[-1]


def test_how_soon_the_work_of_a_lost_host_is_taken_up_is_of_hosts_alone():
    found = figures(
        played(Kind.CUT, after=21.0), played(Kind.HOST, after=23.0), played(Kind.WORKER, after=3.0)
    )
    assert found["taken_over"] == 3
    assert (found["taken_up_after_median_s"], found["taken_up_after_slowest_s"]) == (22.0, 23.0)


def test_how_long_it_took_is_that_of_the_slowest():
    found = figures(played(Kind.API), played(Kind.REDIS))
    assert found["slowest_back_s"] == 4.0
    assert found["longest_without_event_s"] == 3.5


def test_a_bench_that_was_broken_off_fails():
    report = Report("hosts")
    fill(report, [played(Kind.API)], wanted=2)
    assert not report.is_met
