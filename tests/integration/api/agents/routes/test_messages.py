"""The list of messages: those that were only stored, and those of the bus."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from api.agents.queries.messages import event_of_key, key_of_event
from flows.common import events
from flows.common.database import now, transaction
from flows.common.models import Event
from tests.cases import same

pytestmark = pytest.mark.integration

STORED = {
    "message_type": "note",
    "sender_agent": "a",
    "namespace": "testbed",
    "execution_id": "e-1",
    "run_id": 100012,
    "message_content": {"msg_type": "note", "n": [1]},
}
SENT = {
    "msg_type": "tf_file_registered",
    "sender": "b",
    "namespace": "testbed",
    "execution_id": "e-1",
    "run_id": "100013",
    "tf_filename": "a.tf",
}


def listed(api: httpx.Client, **wanted: Any) -> list[dict[str, Any]]:
    answer = api.get("/api/workflow-messages/", params=wanted)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture
def both(api) -> tuple[dict[str, Any], dict[str, Any]]:
    """A message that was only stored, and then one that was relayed, as the list shows them."""
    assert api.post("/api/workflow-messages/", json=STORED).status_code == 201
    assert api.post("/api/messages/", json=SENT).status_code == 201
    stored, sent = listed(api)
    return stored, sent


def test_a_stored_message_is_answered_in_full_and_not_relayed(api, database):
    answer = api.post("/api/workflow-messages/", json=STORED)
    said = answer.json()
    assert answer.status_code == 201
    assert list(said) == [
        "message_id", "message_type", "request_id", "sender_agent", "sender_type",
        "recipient_agent", "recipient_type", "namespace", "execution_id", "run_id",
        "message_content", "message_metadata", "sent_at", "delivered_at", "acknowledged_at",
        "is_successful", "error_message", "queue_name", "correlation_id", "workflow", "stage",
    ]  # fmt: skip
    assert {name: said[name] for name in STORED} == STORED | {"run_id": "100012"}
    assert listed(api) == [said]
    with transaction(database.ops_engine) as session:
        assert session.scalar(select(func.count()).select_from(Event)) == 0


def test_messages_of_the_bus_are_in_the_list_in_the_order_of_their_times(api, both):
    stored, sent = both
    assert (stored["message_type"], sent["message_type"]) == ("note", "tf_file_registered")
    assert (sent["sender_agent"], sent["run_id"], sent["queue_name"]) == (
        "b",
        "100013",
        "epictopic",
    )
    assert sent["message_content"].items() >= SENT.items()
    assert sent["is_successful"] is True
    for each in both:
        assert api.get(f"/api/workflow-messages/{each['message_id']}/").json() == each


@pytest.mark.parametrize(
    ("wanted", "types"),
    same(
        ({"execution_id": "e-1"}, ["note", "tf_file_registered"]),
        ({"execution_id": "e-2"}, []),
        ({"namespace": "testbed", "run_id": "100013"}, ["tf_file_registered"]),
        ({"message_type": "note"}, ["note"]),
        ({"sender_agent": "b"}, ["tf_file_registered"]),
        ({"start_time": "2026-01-01T00:00:00Z", "limit": 1, "offset": 1}, ["tf_file_registered"]),
        ({"end_time": "2026-01-01T00:00:00Z"}, []),
    ),
)
@pytest.mark.usefixtures("both")
def test_messages_are_filtered_wherever_they_are_kept(api, wanted, types):
    answer = listed(api, **wanted)
    rows = answer["results"] if isinstance(answer, dict) else answer
    assert [each["message_type"] for each in rows] == types


def test_prefect_s_states_are_no_messages(api, database):
    event = events.NewEvent(msg_type="flow_run_state", payload="{}", at=now())
    with transaction(database.ops_engine) as session:
        (number,) = events.commit(session, [event])
    assert listed(api) == []
    assert api.get(f"/api/workflow-messages/{key_of_event(number)}/").status_code == 404


def test_a_message_that_is_an_event_stays_as_it_is(api, both):
    path = f"/api/workflow-messages/{both[1]['message_id']}/"
    text = "This message is kept as an event, which nobody changes or deletes."
    for method in ("PATCH", "DELETE"):
        answer = api.request(method, path, json={"error_message": "x"})
        assert (answer.status_code, answer.json()) == (409, {"detail": text})


def test_a_stored_message_is_changed_and_deleted(api, both):
    path = f"/api/workflow-messages/{both[0]['message_id']}/"
    assert api.patch(path, json={"error_message": "x"}).json()["error_message"] == "x"
    assert [api.delete(path).status_code for _ in range(2)] == [204, 404]


def test_what_a_message_needs_is_named(api):
    answer = api.post("/api/workflow-messages/", json={"stage": "x"})
    required = ["This field is required."]
    assert (answer.status_code, answer.json()) == (
        400,
        {
            "message_type": required,
            "message_content": required,
            "stage": ["“x” is not a valid UUID."],
        },
    )


def test_a_long_list_comes_in_pieces_and_whole(api, database):
    at = now()
    body = {"msg_type": "note", "sender": "a"}
    news = [events.message_event(body, at=at + timedelta(seconds=n // 700)) for n in range(2500)]
    with transaction(database.ops_engine) as session:
        numbers = events.commit(session, news)
    assert [event_of_key(each["message_id"]) for each in listed(api)] == numbers


def test_a_key_says_of_which_event_it_is():
    assert event_of_key(key_of_event(2**40 + 1)) == 2**40 + 1
    assert event_of_key("00000000-0000-0000-0000-000000000001") is None
