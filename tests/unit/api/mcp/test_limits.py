"""A caller that loops is told when to call again."""

from __future__ import annotations

import pytest

from api.http.rate import Rate
from api.mcp import limits
from api.mcp.limits import CallLimit, TooManyCalls
from flows.common.callers import Caller, Means


def caller(name: str = "anna", service: str = "") -> Caller:
    return Caller(name, Means.TOKEN, service=service)


@pytest.fixture
def time() -> list[float]:
    return [100.0]


@pytest.fixture
def limit(time) -> CallLimit:
    return CallLimit(30, lambda *given, **more: Rate(*given, clock=lambda: time[0], **more))


def test_a_minutes_calls_may_come_at_once_and_then_as_time_goes(limit, time):
    for _ in range(30):
        limit.count(caller())
    with pytest.raises(TooManyCalls, match=r"More than 30 calls.*MCP_CALLS_A_MINUTE.*in 2 s") as no:
        limit.count(caller())
    assert no.value.details == {"calls_a_minute": 30, "retry_after_seconds": 2}
    time[0] += 2
    limit.count(caller())


def test_callers_do_not_use_up_each_others_calls(limit):
    for _ in range(30):
        limit.count(caller())
    limit.count(caller("bert"))
    limit.count(caller(service="bus"))


def test_what_is_known_of_callers_is_bounded(limit, monkeypatch):
    monkeypatch.setattr(limits, "_MOST_KNOWN", 3)
    for number in range(10):
        limit.count(caller(f"user{number}"))
    assert len(limit._rates) <= 3
