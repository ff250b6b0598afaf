"""What the list's script asks: what would be done with many tasks, and how they stand."""

from __future__ import annotations

import pytest

from tests.pcs_client import CONFIG

pytestmark = pytest.mark.integration


def test_a_plan_says_what_will_be_done_and_why_the_rest_will_not(pcs, api, reader):
    ready, draft = pcs.make_ready("a"), pcs.make_task("b")
    bad = pcs.make_task("c", config=CONFIG | {"panda_resource_type": "GPU"})
    ids = ",".join(str(each["id"]) for each in (ready, draft, bad))
    told = api.get(f"/pcs/tasks/plan.json?operation=submit&ids={ids},99999,x").json()
    assert [each["name"] for each in told["will"]] == ["a"]
    assert (told["caller"], told["may_write"]) == ("tester", True)
    why = {each["name"]: " ".join(each["reasons"]) for each in told["wont"]}
    assert "it is draft" in why["b"]
    assert "--resourceType" in why["c"]
    locking = api.get(f"/pcs/tasks/plan.json?operation=lock&ids={ids}").json()
    assert [each["name"] for each in locking["will"]] == ["b"]
    # A reader is not told that it may not: its token will say who it is.
    told = reader.get(f"/pcs/tasks/plan.json?operation=submit&ids={ids}").json()
    assert ([each["name"] for each in told["will"]], told["may_write"]) == (["a"], False)


def test_the_plan_of_another_user_names_the_owner(pcs, served_api, database):
    pcs.make_ready("a")
    token = database.create_token("eve")
    with served_api.client(token=token) as eve:
        told = eve.get("/pcs/tasks/plan.json?operation=submit&all=1").json()
    assert told["will"] == []
    [reason] = told["wont"][0]["reasons"]
    assert reason.startswith("It is tester's: that takes the scope operate, which this token of")


def test_the_states_of_submissions_are_told_for_those_asked_for(pcs, reader):
    first, second = pcs.make_ready("a"), pcs.make_ready("b")
    pcs.submit("a")
    told = reader.get(f"/pcs/tasks/states.json?ids={first['id']},{second['id']}").json()
    assert [(each["name"], each["phase"]) for each in told] == [("a", "waiting"), ("b", "none")]
