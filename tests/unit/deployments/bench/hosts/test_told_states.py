"""Which states of runs were not told, or told too often."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest

from deployments.bench.hosts.told_states import States, differences
from deployments.bench.outage.checks import BreachKind

AT = datetime(2026, 11, 30, tzinfo=UTC)


def states(*each: tuple[str, str]) -> States:
    return Counter((run, name, AT) for run, name in each)


TAKEN = states(("a", "Pending"), ("a", "Running"), ("b", "Running"))


@pytest.mark.parametrize(
    ("told", "kinds"),
    [
        (TAKEN, []),
        (TAKEN + states(("earlier", "Completed")), []),
        (TAKEN - states(("b", "Running")), [BreachKind.LOST]),
        (TAKEN + states(("b", "Running")), [BreachKind.DOUBLED]),
        (TAKEN + states(("a", "Completed")), [BreachKind.DOUBLED]),
    ],
)
def test_each_state_of_a_run_is_one_event(told: States, kinds: list[BreachKind]):
    assert [each.kind for each in differences(TAKEN, told)] == kinds
