"""The figures of the outage bench: what is counted, and when a target is missed."""

from __future__ import annotations

from typing import Any

import pytest

from deployments.bench.common.figures import Report
from deployments.bench.outage.checks import Breach, BreachKind
from deployments.bench.outage.healing import PATIENCE_SECONDS, Healed
from deployments.bench.outage.report import SHOWN, Played, fill
from deployments.bench.outage.schedules import draw

NAMES = {"lost", "doubled", "false_ends", "unsaid", "refused"}


def played(
    seed: int = 1, *kinds: BreachKind, first: float | None = 1, heal: float | None = 2
) -> Played:
    return Played(
        schedule=draw(seed),
        healed=Healed(first_claim_s=first, heal_s=heal),
        wishes=5,
        seconds=40,
        breaches=[Breach(kind, "so it is") for kind in kinds],
    )


def filled(*each: Played) -> Report:
    report = Report("outage", machine={})
    fill(report, each)
    return report


def figures(report: Report) -> dict[str, Any]:
    return {figure.name: figure.value for figure in report.figures}


def test_a_good_run_has_zeros_and_the_slowest_of_all_schedules():
    report = filled(played(1), played(2, first=14, heal=29))
    found = figures(report)
    assert {found[name] for name in NAMES} == {0}
    assert (found["schedules"], found["slowest_first_claim_s"], found["slowest_heal_s"]) == (
        2, 14, 29,
    )  # fmt: skip
    assert report.is_met
    assert report.notes == []


@pytest.mark.parametrize("kind", [each for each in BreachKind if each is not BreachKind.TAKEN])
def test_each_kind_of_breach_is_counted_and_misses_its_target(kind: BreachKind):
    report = filled(played(1), played(2, kind, kind))
    assert sorted(figures(report)[name] for name in NAMES) == [0, 0, 0, 0, 2]
    assert not report.is_met
    assert "prodops bench outage --only 2" in report.notes[0]


@pytest.mark.parametrize("late", [{"first": 15.1}, {"heal": 30.1}, {"first": None}, {"heal": None}])
def test_what_heals_late_or_never_misses_its_target_and_is_named(late: dict[str, float | None]):
    report = filled(played(1), played(2, **late))
    assert not report.is_met
    assert str(draw(2)) in report.notes[0]
    if None in late.values():
        assert PATIENCE_SECONDS in figures(report).values()


def test_no_more_breaches_of_a_schedule_are_shown_than_fit():
    note = str(played(1, *[BreachKind.LOST] * (SHOWN + 3)))
    assert note.count("so it is") == SHOWN
    assert "and 3 more" in note
