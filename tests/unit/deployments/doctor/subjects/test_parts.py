"""A part that runs other code than is installed here is named, with since when."""

from datetime import UTC, datetime
from typing import NoReturn

import pytest

from blocks.monitor_api.actions import ActionApi
from blocks.monitor_api.errors import RequestRefused
from deployments.doctor.findings import Condition
from deployments.doctor.site import Side, Site
from deployments.doctor.subjects import parts
from deployments.doctor.subjects.parts import compared
from flows.common.settings import settings
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


@pytest.mark.parametrize(
    ("status", "token", "condition"),
    [
        (403, None, Condition.OK),
        (403, "wrong", Condition.PROBLEM),
        (500, None, Condition.PROBLEM),
    ],
)
def test_a_web_tier_that_asks_for_a_token_answers_where_there_is_none(
    monkeypatch, status: int, token: str | None, condition: Condition
):
    class Refusing(ActionApi):
        def get(self, *_: object, **__: object) -> NoReturn:
            raise RequestRefused(status, "no")

    monkeypatch.setattr(parts, "ActionApi", Refusing)
    monkeypatch.setattr(parts, "_token", lambda _: token)
    [found] = parts._web(
        Site(side=Side.WEB, environment={}, timeout_seconds=1.0, loaded=settings())
    )
    assert found.condition is condition
