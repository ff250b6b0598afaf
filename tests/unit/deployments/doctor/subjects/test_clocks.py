"""How far a clock may be off."""

import pytest

from deployments.doctor.findings import Condition
from deployments.doctor.subjects.clocks import compared


@pytest.mark.parametrize(
    ("seconds", "condition"),
    [
        (0.2, Condition.OK), (-4.9, Condition.OK), (5.1, Condition.WARNING),
        (-30, Condition.WARNING), (61, Condition.PROBLEM), (-90, Condition.PROBLEM),
    ],
)  # fmt: skip
def test_5_seconds_are_warned_of_and_a_minute_is_a_problem(seconds, condition):
    found = compared("the database", seconds)
    assert found.condition is condition
    if condition is not Condition.OK:
        assert ("ahead of" if seconds > 0 else "behind") in found.text
