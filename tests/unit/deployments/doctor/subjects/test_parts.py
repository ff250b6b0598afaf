"""A part that runs other code than is installed here is named, with since when."""

from datetime import UTC, datetime

import pytest

from deployments.doctor.findings import Condition
from deployments.doctor.subjects.parts import compared
from flows.common.version import Version

OURS = Version(package="0.1.0", commit="1a2b3c4d", schema="0030")
SINCE = datetime(2026, 8, 1, 12, 31, tzinfo=UTC)


@pytest.mark.parametrize(
    ("theirs", "condition"),
    [
        (OURS, Condition.OK),
        (Version(package="0.1.0", commit="20ddccf6", schema="0030"), Condition.WARNING),
        (Version(package="0.1.0", commit="20ddccf6", schema="0027"), Condition.PROBLEM),
        (None, Condition.WARNING),
    ],
)
def test_a_part_s_code_is_compared_with_what_is_installed(theirs, condition):
    found = compared("worker", theirs, OURS, since=SINCE)
    assert (found.condition, "2026-08-01 12:31 UTC" in found.text) == (condition, True)
    assert bool(found.advice) is (condition is not Condition.OK)
