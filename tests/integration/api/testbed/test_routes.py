"""Commands to testbeds: who may give them, who takes them, and how each ends."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from flows.common.callers import Scope
from flows.common.database import transaction
from flows.common.models import Event

pytestmark = pytest.mark.integration

PATH = "/api/testbed/commands/"
ME = "daq01:4711"


def heard(api: httpx.Client, user: str = "tester", **said: Any) -> None:
    """The controller of a user says that it is there."""
    row = {"instance_name": f"agent-manager-{user}", "agent_type": "agent_manager"}
    assert api.post("/api/systemagents/heartbeat/", json=row | said).is_success


def command(api: httpx.Client, verb: str = "start", **more: Any) -> dict[str, Any]:
    answer = api.post(PATH, json={"verb": verb, **more})
    assert answer.status_code == 202, answer.text
    return answer.json()


def take(api: httpx.Client, taken_by: str = ME) -> dict[str, Any] | None:
    answer = api.post(f"{PATH}take/", json={"user": "tester", "taken_by": taken_by})
    assert answer.status_code == 200, answer.text
    return answer.json()["command"]


def answer(api: httpx.Client, command_id: int, **said: Any) -> httpx.Response:
    return api.post(f"{PATH}{command_id}/answer/", json={"taken_by": ME} | said)


def shown(api: httpx.Client, command_id: int) -> dict[str, Any]:
    return api.get(f"{PATH}{command_id}/").json()


def events(database) -> list[dict[str, Any]]:
    with transaction(database.ops_engine) as session:
        wanted = session.query(Event).filter(Event.msg_type.startswith("testbed"))
        return [event.payload for event in wanted.order_by(Event.id)]


def aged(database, column: str, seconds: float) -> None:
    with transaction(database.ops_engine) as session:
        session.execute(
            text(f"UPDATE testbed_command SET {column} = {column} - make_interval(secs => :s)"),
            {"s": seconds},
        )


# ------------------------------------------------------------------ its life


def test_a_command_is_taken_and_answered_and_each_is_announced(api, database):
    heard(api)
    asked = command(api, target="data")
    assert (asked["state"], asked["user"], asked["requested_by"]) == ("waiting", "tester", "tester")
    assert take(api)["id"] == asked["id"]
    assert answer(api, asked["id"], result={"started": ["data"]}).json()["state"] == "done"
    assert shown(api, asked["id"])["result"] == {"started": ["data"]}
    assert [(each["msg_type"], each.get("state")) for each in events(database)] == [
        ("testbed_command", None), ("testbed_command_ended", "done"),
    ]  # fmt: skip


def test_commands_are_taken_once_each_in_their_order(served_api, api):
    heard(api)
    ids = [command(api)["id"] for _ in range(6)]
    clients = [served_api.client() for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(take, clients))
    for client in clients:
        client.close()
    assert sorted(each["id"] for each in taken if each) == ids
    assert taken.count(None) == 2


def test_a_failure_is_recorded_with_its_reason(api):
    heard(api)
    asked = command(api, "kill", target="data-agent-tester-1")
    take(api)
    assert answer(api, asked["id"], error="it runs on daq02").json()["state"] == "failed"
    assert shown(api, asked["id"])["error"] == "it runs on daq02"


def test_what_nobody_took_in_time_has_failed_and_is_taken_no_more(api, database):
    heard(api)
    asked = command(api)
    aged(database, "requested_at", 61)
    assert shown(api, asked["id"])["state"] == "failed"
    assert "no controller of tester runs" in shown(api, asked["id"])["error"]
    assert take(api) is None


def test_what_was_not_answered_in_time_has_failed_and_is_answered_no_more(api, database):
    heard(api)
    asked = command(api)
    take(api)
    aged(database, "taken_at", 181)
    assert "did not answer" in shown(api, asked["id"])["error"]
    assert answer(api, asked["id"], result={}).status_code == 409


def test_what_a_controller_had_taken_fails_once_the_next_one_of_the_host_asks(api, database):
    heard(api)
    first, second = command(api), command(api)
    take(api)
    assert take(api, "daq01:4712")["id"] == second["id"]
    assert shown(api, first["id"])["state"] == "failed"
    assert answer(api, first["id"], result={}).status_code == 409
    assert events(database)[-1]["state"] == "failed"


def test_a_controller_of_another_host_leaves_it_alone(api):
    heard(api)
    first = command(api)
    take(api)
    assert take(api, "daq02:4712") is None
    assert shown(api, first["id"])["state"] == "taken"


# ------------------------------------------------------------------ refusals


def test_without_a_controller_nothing_is_accepted(api):
    refusal = api.post(PATH, json={"verb": "start"})
    assert refusal.status_code == 409
    assert "start one by `testbed controller`" in refusal.json()["detail"]


@pytest.mark.parametrize("gone", ["EXITED", "silent"])
def test_a_controller_that_is_gone_takes_nothing(api, database, gone):
    heard(api, status="EXITED" if gone == "EXITED" else "OK")
    if gone == "silent":
        with transaction(database.ops_engine) as session:
            ago = "last_heartbeat - interval '101 s'"
            session.execute(text(f"UPDATE swf_systemagent SET last_heartbeat = {ago}"))
    refusal = api.post(PATH, json={"verb": "stop"})
    assert (refusal.status_code, "heard last" in refusal.text) == (409, True)


def test_anothers_testbed_takes_the_scope_operate(served_api, api, database):
    heard(api, "bert")
    refusal = api.post(PATH, json={"verb": "stop", "user": "bert"})
    assert (refusal.status_code, refusal.json()["missing_scope"]) == (403, "operate")
    with served_api.client(token=database.create_token("carl", Scope.OPERATE)) as operator:
        assert command(operator, "stop", user="bert")["requested_by"] == "carl"


def test_anothers_commands_are_neither_taken_nor_answered(served_api, api, database):
    heard(api)
    asked = command(api)
    with served_api.client(token=database.create_token("bert")) as other:
        form = {"user": "tester", "taken_by": ME}
        assert other.post(f"{PATH}take/", json=form).status_code == 403
        assert answer(other, asked["id"], result={}).status_code == 403


@pytest.mark.parametrize(
    "form",
    [
        {"verb": "kill"},
        {"verb": "status", "target": "data"},
        {"verb": "stop", "config": "other"},
        {"verb": "launch"},
        {"verb": "start", "target": "../data"},
        {"verb": "start", "programme": "data"},
    ],
)
def test_a_bad_command_is_refused_by_its_field(api, form):
    heard(api)
    assert api.post(PATH, json=form).status_code == 400


def test_an_unknown_command_is_404(api):
    assert api.get(f"{PATH}9/").status_code == 404
    assert answer(api, 9, result={}).status_code == 404


def test_the_web_role_cannot_insert_a_command_itself(database):
    statement = """INSERT INTO testbed_command (username, verb, requested_by, requested_at, state)
                   VALUES ('bert', 'kill', 'bert', now(), 'waiting')"""
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        transaction(database.web_engine) as session,
    ):
        session.execute(text(statement))
