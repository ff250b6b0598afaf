"""The list of notifications over REST: filtered, paged, and seen by whom it concerns."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from flows.common.callers import Scope
from flows.common.database import now
from flows.notifications.domain.words import DeliveryState, Outcome
from tests.support.notifications import tell

pytestmark = pytest.mark.integration

PATH = "/api/notifications/"


def listed(client: httpx.Client, **query: Any) -> list[int]:
    return [each["id"] for each in client.get(PATH, params=query).json()["results"]]


def test_one_sees_one_s_own_and_what_one_s_rules_told_and_an_operator_all(as_, api, database):
    rule = {"what": "action", "owner": "tester", "channel": "open"}
    number = api.post("/api/notification-rules/", json=rule).json()["id"]
    own = tell(database.ops_engine, "a")
    by_rule = tell(database.ops_engine, "b", rule_id=number, username=None, recipient="open")
    other = tell(database.ops_engine, "c", username="eve", recipient="eve")
    assert listed(api) == [by_rule, own]
    assert api.get(f"{PATH}{other}/").status_code == 404
    assert listed(as_("otto", Scope.OPERATE)) == [other, by_rule, own]


def test_what_a_delivery_met_is_shown_to_those_who_may_operate(as_, api, database):
    met = {
        "state": DeliveryState.FAILED,
        "handed_over_at": now(),
        "error": "the relay h:25 is away",
    }
    number = tell(database.ops_engine, "a", **met)
    before = tell(database.ops_engine, "b", state=DeliveryState.FAILED, error="no address")
    operator = as_("otto", Scope.OPERATE)

    def errors(client: httpx.Client) -> list[str | None]:
        listed = [each["error"] for each in client.get(PATH).json()["results"]]
        ones = [client.get(f"{PATH}{each}/").json()["error"] for each in (before, number)]
        assert listed == ones
        assert ("h:25" in client.get("/notifications/").text) == ("the relay" in str(listed))
        return listed

    assert errors(api) == ["no address", None]
    assert errors(operator) == ["no address", "the relay h:25 is away"]


def test_a_filter_and_a_page_choose(api, database):
    numbers = [tell(database.ops_engine, str(n), subject=f"t{n % 2}") for n in range(6)]
    summary = tell(database.ops_engine, "s", what=None, outcome=Outcome.NOTED, subject="")
    held = {"state": DeliveryState.HELD, "summary_id": summary, "subject": "t0"}
    told = tell(database.ops_engine, "h", **held)
    assert listed(api, subject="t1", limit=2) == [numbers[5], numbers[3]]
    following = api.get(PATH, params={"subject": "t1", "limit": 2}).json()["next"]
    page = httpx.get(str(api.base_url.join(following)), headers=api.headers).json()
    assert ([each["id"] for each in page["results"]], page["next"]) == ([numbers[1]], None)
    assert listed(api, summary_id=summary) == listed(api, state="held") == [told]


@pytest.mark.parametrize("bad", [{"state": "lost"}, {"before": 0}, {"limit": 0}, {"name": "\x00"}])
def test_a_filter_that_cannot_be_meant_is_refused_by_its_name(api, bad):
    answer = api.get(PATH, params=bad)
    assert (answer.status_code, [*answer.json()]) == (400, [*bad])
