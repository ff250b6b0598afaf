"""Heartbeats, agents as they are shown, and subscribers, over REST."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from api.agents.queries import agents
from flows.common.database import transaction
from tests.cases import same

pytestmark = pytest.mark.integration

HEARTBEAT = {
    "instance_name": "fastmon-agent-tester-12",
    "agent_type": "fastmon",
    "status": "OK",
    "description": "fastmon agent. MQ: connected",
    "mq_connected": True,
    "pid": 4711,
    "hostname": "daq01",
    "operational_state": "READY",
    "namespace": "testbed",
}
KEYS = [
    "id", "instance_name", "agent_type", "description", "status", "last_heartbeat", "agent_url",
    "workflow_enabled", "current_stf_count", "total_stf_processed", "last_stf_processed", "pid",
    "hostname", "operational_state", "namespace", "metadata", "created_at", "updated_at",
]  # fmt: skip


def beat(api: httpx.Client, **said: Any) -> dict[str, Any]:
    answer = api.post("/api/systemagents/heartbeat/", json=HEARTBEAT | said)
    assert answer.status_code in {200, 201}, answer.text
    return answer.json()


def shown(api: httpx.Client, **wanted: str) -> list[dict[str, Any]]:
    return api.get("/api/systemagents/", params=wanted).json()


def heard(database, *, seconds_ago: float) -> None:
    """All agents were heard last so long ago."""
    with transaction(database.ops_engine) as session:
        at = datetime.now(UTC) - timedelta(seconds=seconds_ago)
        session.execute(text("UPDATE swf_systemagent SET last_heartbeat = :at"), {"at": at})


@pytest.fixture
def long_since(monkeypatch: pytest.MonkeyPatch) -> None:
    """The API process began long ago."""
    monkeypatch.setattr(agents, "_STARTED", time.monotonic() - 3600)


# ------------------------------------------------------------------ heartbeats


def test_a_first_heartbeat_is_201_and_the_next_is_200(api):
    answers = [api.post("/api/systemagents/heartbeat/", json=HEARTBEAT) for _ in range(2)]
    assert [each.status_code for each in answers] == [201, 200]
    first, second = (each.json() for each in answers)
    assert list(first)[: len(KEYS)] == KEYS
    assert {name: first[name] for name in HEARTBEAT} == HEARTBEAT
    assert first["agent_url"] is first["last_stf_processed"] is first["conflict"] is None
    assert (first["workflow_enabled"], first["current_stf_count"]) == (True, 0)
    assert second["id"] == first["id"]


def test_the_superset_is_stored_and_an_absent_namespace_stays(api):
    more = {"workflow_enabled": False, "current_stf_count": 3, "total_stf_processed": 8,
            "metadata": {"agents_running": 2}}  # fmt: skip
    beat(api, **more)
    answer = api.post(
        "/api/systemagents/heartbeat/", json={"instance_name": HEARTBEAT["instance_name"]}
    ).json()
    assert {name: answer[name] for name in more} == more
    assert answer["namespace"] == "testbed"


@pytest.mark.parametrize("kind", ["Fast_Processing", "DATA", "agent_manager", "x" * 30])
def test_any_word_is_taken_for_type_status_and_state(api, kind):
    said = beat(api, agent_type=kind, status="registered", operational_state="BUSY")
    assert said["agent_type"] == kind
    assert (said["status"], said["operational_state"]) == ("registered", "BUSY")


@pytest.mark.parametrize(
    ("field", "value", "text"),
    same(
        ("agent_type", "x" * 60, "Ensure this field has no more than 30 characters."),
        ("status", "x" * 60, "Ensure this field has no more than 20 characters."),
        ("operational_state", "x" * 60, "Ensure this field has no more than 20 characters."),
        ("hostname", "x" * 101, "Ensure this field has no more than 100 characters."),
        ("namespace", "x" * 101, "Ensure this field has no more than 100 characters."),
        ("instance_name", "x" * 101, "Ensure this field has no more than 100 characters."),
        ("pid", 2**31, "Ensure this value is less than or equal to 2147483647."),
        ("pid", "one", "A valid integer is required."),
        ("workflow_enabled", "maybe", "Must be a valid boolean."),
        ("description", "a\0", "Null characters are not allowed."),
        ("metadata", [1], 'Expected a dictionary of items but got type "list".'),
    ),
)
def test_what_does_not_fit_is_400_and_named(api, field, value, text):
    answer = api.post("/api/systemagents/heartbeat/", json=HEARTBEAT | {field: value})
    assert (answer.status_code, answer.json()) == (400, {field: [text]})


def test_a_heartbeat_without_a_name_is_refused(api):
    answer = api.post("/api/systemagents/heartbeat/", json={"status": "OK"})
    expected = {"instance_name": ["This field is required."]}
    assert (answer.status_code, answer.json()) == (400, expected)


def test_a_warning_after_exited_changes_nothing_but_when_it_was_heard(api):
    beat(api, status="EXITED", operational_state="EXITED", description="gone")
    after = beat(api, status="WARNING", operational_state="EXITED", mq_connected=False)
    assert (after["status"], after["description"], after["mq_connected"]) == (
        "EXITED", "gone", True,
    )  # fmt: skip
    assert beat(api, pid=4712)["status"] == "OK"


def test_heartbeats_at_once_are_all_counted(api):
    with ThreadPoolExecutor(8) as pool:
        names = [f"a{number % 20}" for number in range(80)]
        ids = {each["id"] for each in pool.map(lambda name: beat(api, instance_name=name), names)}
    assert len(ids) == len(shown(api)) == 20


# ------------------------------------------------------------------ how agents are shown


@pytest.mark.usefixtures("long_since")
def test_a_silent_agent_is_shown_exited_until_it_is_heard_again(api, database):
    key = beat(api)["id"]
    heard(database, seconds_ago=181)
    assert (shown(api)[0]["status"], shown(api)[0]["operational_state"]) == ("EXITED", "EXITED")
    assert api.get(f"/api/systemagents/{key}/").json()["status"] == "EXITED"
    assert beat(api)["status"] == "OK"
    assert shown(api)[0]["operational_state"] == "READY"


@pytest.mark.usefixtures("long_since")
def test_who_was_heard_before_the_clock_jumped_back_is_exited_until_heard_again(api, database):
    beat(api)
    heard(database, seconds_ago=-3600)
    assert shown(api)[0]["status"] == "EXITED"
    assert beat(api)["status"] == shown(api)[0]["status"] == "OK"


@pytest.mark.usefixtures("long_since")
def test_agents_are_filtered_by_what_is_shown(api, database):
    beat(api)
    heard(database, seconds_ago=181)
    beat(api, instance_name="b", namespace="other")
    assert [each["instance_name"] for each in shown(api, status="OK")] == ["b"]
    assert len(shown(api, status="EXITED", namespace="testbed")) == 1
    assert len(shown(api, operational_state="READY", agent_type="fastmon")) == 1


@pytest.mark.usefixtures("long_since")
def test_three_minutes_are_not_yet_silence(api, database):
    beat(api)
    heard(database, seconds_ago=170)
    assert shown(api)[0]["status"] == "OK"


def test_an_api_that_began_just_now_takes_no_agent_for_silent(api, database, monkeypatch):
    monkeypatch.setattr(agents, "_STARTED", time.monotonic() - 170)
    beat(api)
    heard(database, seconds_ago=3600)
    assert shown(api)[0]["status"] == "OK"


@pytest.mark.parametrize("other", [{"pid": 4712}, {"hostname": "daq02"}])
def test_a_name_that_two_processes_use_is_shown_as_that(api, other):
    assert beat(api)["conflict"] is None
    conflict = beat(api, **other)["conflict"]
    assert (conflict["pid"], conflict["hostname"]) == (4711, "daq01")
    assert datetime.fromisoformat(conflict["last_heartbeat"]).utcoffset() == timedelta(0)
    assert shown(api)[0]["conflict"]["pid"] == 4711


def test_a_process_that_ended_is_no_conflict_and_an_old_one_neither(api, database):
    beat(api, status="EXITED")
    assert beat(api, pid=4712)["conflict"] is None
    heard(database, seconds_ago=181)
    assert beat(api, pid=4713)["conflict"] is None


# ------------------------------------------------------------------ the collection


def test_an_agent_may_be_made_and_changed_with_the_words_of_the_original(api):
    made = api.post("/api/systemagents/", json={"instance_name": "a", "agent_type": "test"})
    assert (made.status_code, made.json()["status"]) == (201, "UNKNOWN")
    path = f"/api/systemagents/{made.json()['id']}/"
    assert api.patch(path, json={"status": "EXITED"}).json()["status"] == "EXITED"
    refused = api.patch(path, json={"status": "gone"})
    assert refused.json() == {"status": ['"gone" is not a valid choice.']}
    again = api.post("/api/systemagents/", json={"instance_name": "a"})
    text = "system agent with this instance name already exists."
    assert (again.status_code, again.json()) == (400, {"instance_name": [text]})
    assert api.delete(path).status_code == 204
    missing = {"detail": "No SystemAgent matches the given query."}
    assert (api.get(path).status_code, api.get(path).json()) == (404, missing)


def test_a_change_merges_metadata(api):
    path = f"/api/systemagents/{beat(api, metadata={'a': 1})['id']}/"
    assert api.patch(path, json={"metadata": {"b": 2}}).json()["metadata"] == {"a": 1, "b": 2}


@pytest.mark.parametrize("path", ["systemagents", "systemagents/heartbeat", "subscribers"])
def test_writing_takes_a_token_and_reading_none(served_api, path):
    with served_api.client(token=None) as client:
        refused = client.post(f"/api/{path}/", json={})
        text = "Authentication credentials were not provided."
        assert (refused.status_code, refused.json()) == (403, {"detail": text})
    with served_api.client(token="0" * 40) as client:
        assert client.post(f"/api/{path}/", json={}).json() == {"detail": "Invalid token."}


@pytest.mark.parametrize("path", ["systemagents", "subscribers"])
def test_a_list_is_a_bare_array_for_anybody(served_api, path):
    with served_api.client(token=None) as client:
        answer = client.get(f"/api/{path}/")
    assert (answer.status_code, answer.json()) == (200, [])


# ------------------------------------------------------------------ subscribers

SUBSCRIBER = {
    "subscriber_name": "fastmon-agent-tester-12-/topic/epictopic",
    "description": "fastmon agent",
    "is_active": True,
    "fraction": 1.0,
}


def test_a_subscriber_is_answered_in_full(api):
    answer = api.post("/api/subscribers/", json=SUBSCRIBER)
    assert answer.status_code == 201
    said = answer.json()
    assert list(said) == [
        "subscriber_id", "subscriber_name", "fraction", "description", "is_active", "created_at",
        "updated_at", "delivery_type", "client_ip", "client_location", "connected_at",
        "disconnected_at", "last_activity", "message_filters", "messages_received",
        "messages_sent", "messages_dropped",
    ]  # fmt: skip
    assert {name: said[name] for name in SUBSCRIBER} == SUBSCRIBER
    assert (said["delivery_type"], said["client_location"], said["message_filters"]) == (
        "activemq", "", {},
    )  # fmt: skip


def test_a_known_subscriber_is_refused_in_the_words_that_agents_look_for(api):
    api.post("/api/subscribers/", json=SUBSCRIBER)
    answer = api.post("/api/subscribers/", json=SUBSCRIBER)
    text = "subscriber with this subscriber name already exists."
    assert (answer.status_code, answer.json()) == (400, {"subscriber_name": [text]})


def test_a_subscriber_s_address_and_numbers_are_checked(api):
    good = api.post("/api/subscribers/", json=SUBSCRIBER | {"client_ip": "::1", "fraction": 7})
    assert (good.json()["client_ip"], good.json()["fraction"]) == ("::1", 7.0)
    bad = SUBSCRIBER | {"client_ip": "here", "fraction": "all", "delivery_type": "mail"}
    assert api.post("/api/subscribers/", json=bad).json() == {
        "client_ip": ["Enter a valid IPv4 or IPv6 address."],
        "fraction": ["A valid number is required."],
        "delivery_type": ['"mail" is not a valid choice.'],
    }


def test_subscribers_are_filtered_by_whether_they_are_active(api):
    api.post("/api/subscribers/", json=SUBSCRIBER)
    assert len(api.get("/api/subscribers/?is_active=true").json()) == 1
    assert api.get("/api/subscribers/?is_active=0").json() == []
    refused = api.get("/api/subscribers/?is_active=perhaps")
    assert (refused.status_code, refused.json()) == (
        400, {"is_active": ["Must be a valid boolean."]},
    )  # fmt: skip


def test_rows_that_no_form_would_take_are_still_shown(api, database):
    api.post("/api/subscribers/", json=SUBSCRIBER)
    beat(api)
    with transaction(database.ops_engine) as session:
        session.execute(
            text("UPDATE swf_subscribers SET client_ip = '10.0.0.0/8', message_filters = '[1]'")
        )
        session.execute(
            text("UPDATE swf_systemagent SET other_heartbeat = 'infinity', metadata = '[1]'")
        )
    (subscriber,) = api.get("/api/subscribers/").json()
    assert (subscriber["client_ip"], subscriber["message_filters"]) == ("10.0.0.0/8", [1])
    (agent,) = shown(api)
    assert (agent["conflict"], agent["metadata"]) == (None, [1])
