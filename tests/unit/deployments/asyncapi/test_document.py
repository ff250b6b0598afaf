"""The AsyncAPI document: whole, and true of the messages that there are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from deployments.asyncapi import document, published
from flows.common import actions
from flows.messages.repository import KEPT_BACK
from flows.workflows.domain.simulation import RunPlan, simulate_run
from tests.produced import SHARED

RECORDED = SHARED.parent / "contracts" / "fixtures" / "mq_messages.jsonl"
DOCUMENT = document.document()
MESSAGES = DOCUMENT["components"]["messages"]


def references(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from references(each)
    elif isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        for each in value.values():
            yield from references(each)


def resolved(reference: str) -> Any:
    found = DOCUMENT
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


def errors(schema: dict[str, Any], body: Any) -> list[str]:
    whole = {**schema, "components": DOCUMENT["components"]}
    return [each.message for each in Draft7Validator(whole).iter_errors(body)]


def of_a_peer(msg_type: str) -> dict[str, Any]:
    """The schema by which a message is described that is taken from the topic."""
    named = MESSAGES.get(f"topic.peer.{msg_type}", MESSAGES["topic.peer.anything"])
    return named["payload"]


def test_every_reference_leads_somewhere():
    assert [each for each in references(DOCUMENT) if not resolved(each)] == []


def test_each_operation_uses_messages_of_its_channel():
    for operation in DOCUMENT["operations"].values():
        channel = operation["channel"]["$ref"]
        assert resolved(channel)["messages"]
        assert all(
            each["$ref"].startswith(f"{channel}/messages/") for each in operation["messages"]
        )


def test_every_message_of_a_channel_has_an_operation():
    used = set(references([each["messages"] for each in DOCUMENT["operations"].values()]))
    used |= set(references([each.get("reply", {}) for each in DOCUMENT["operations"].values()]))
    for name, channel in DOCUMENT["channels"].items():
        assert {f"#/channels/{name}/messages/{each}" for each in channel["messages"]} <= used


@pytest.mark.parametrize("name", MESSAGES)
def test_an_example_is_of_its_schema(name):
    message = MESSAGES[name]
    [example] = message["examples"]
    assert errors(message["payload"], example["payload"]) == []


@pytest.mark.parametrize("name", MESSAGES)
def test_a_schema_refuses_what_is_no_message(name):
    assert errors(MESSAGES[name]["payload"], []) != []


def test_every_action_can_be_asked_for_by_its_example():
    for name, action in actions.all_actions().items():
        [example] = MESSAGES[f"opsQueue.{name}"]["examples"]
        keys = action.parameters.model_fields
        action.parse({key: each for key, each in example["payload"].items() if key in keys})


def test_every_event_is_on_the_stream_and_all_but_the_pages_own_on_the_topic():
    schemas = set(DOCUMENT["components"]["schemas"]) - {"enrichment"}
    assert schemas == {each.removeprefix("stream.") for each in MESSAGES if "stream." in each} - {
        "connected", "position_unknown", "heartbeat", "anything",
    }  # fmt: skip
    assert schemas - set(published.on_topic()) == KEPT_BACK


def test_no_event_looks_like_a_heartbeat_to_the_original_monitor():
    for schema in DOCUMENT["components"]["schemas"].values():
        assert not {"agent_name", "status"} <= schema["properties"].keys()


def test_no_host_is_named():
    assert {each["host"] for each in DOCUMENT["servers"].values()} == {"{host}:{port}"}


def test_the_text_is_the_document():
    text = document.as_yaml()
    assert yaml.safe_load(text) == DOCUMENT
    assert "&id" not in text


def test_the_messages_of_a_simulated_run_are_of_their_schemas():
    plan = RunPlan(run_number=100123, stfs=4, physics_periods=2, size_bytes=None)
    messages = [message for _, message in simulate_run(plan)]
    kinds = {message["msg_type"] for message in messages}
    assert {f"topic.peer.{kind}" for kind in kinds} <= MESSAGES.keys()
    assert [errors(of_a_peer(each["msg_type"]), each) for each in messages] == [[]] * len(messages)


def test_the_recorded_messages_are_of_their_schemas():
    if not RECORDED.exists():
        pytest.skip("the recorded messages are not on this machine")
    messages = [json.loads(line) for line in RECORDED.read_text().splitlines()]
    ours = [each["body"] for each in messages if each["destination"] == "/topic/epictopic"]
    assert len(ours) == 12
    assert [errors(of_a_peer(each["msg_type"]), each) for each in ours] == [[]] * len(ours)


@pytest.mark.parametrize("wrong", [{"filename": 7}, {"size_bytes": "large"}, {"run_id": 1.5}])
def test_what_would_be_set_aside_is_not_of_its_schema(wrong):
    assert errors(of_a_peer("stf_ready"), {"msg_type": "stf_ready", **wrong}) != []


@pytest.mark.parametrize("pandaid", [1042, "1042"])
def test_a_number_may_come_as_text(pandaid):
    body = {"msg_type": "fetch_payload_log", "pandaid": pandaid}
    assert errors(MESSAGES["opsQueue.fetch_payload_log"]["payload"], body) == []
