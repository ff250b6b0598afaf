"""The AsyncAPI document: servers, channels, operations, and every message with its schema."""

from __future__ import annotations

import json
from collections.abc import Iterable
from importlib.metadata import version
from typing import Any, Final

import yaml

from api.messages.routes import Asked
from deployments.asyncapi import published, received
from deployments.asyncapi.channels import (
    OPS,
    REPLY,
    SECURITY,
    STREAM,
    TOPIC,
    WORKFLOWS,
    Named,
    channel_of,
    ref,
    servers,
)
from deployments.asyncapi.received import ANYTHING, Received
from deployments.asyncapi.schemas import Schema, example_of, schema_of
from flows.common.messages import Enrichment
from flows.fastmon.schemas import Message

_HEAD: Final = "# Made by `python -m deployments.reference`; change the code, not this file.\n"
_DESCRIPTION: Final = (
    "Every message that prodops takes from the bus, and every event that it publishes to the bus "
    "and to its live stream. A reader has to take keys that are not described: a later version may "
    "add some."
)
_ENRICHMENT: Final = "enrichment"
_PING: Final = "health_ping"


def document() -> dict[str, Any]:
    """The document, as JSON types."""
    schemas = published.schemas()
    messages = {
        OPS: {each.name: _taken(each) for each in received.of_ops_queue()},
        WORKFLOWS: {each.name: _taken(each) for each in received.of_workflow_queue()},
        TOPIC: _of_peers() | _on_topic(schemas),
        REPLY: {each.name: _taken(each) for each in (received.pong(),)},
        STREAM: {**_control(), ANYTHING: _relayed(), **_on_stream(schemas)},
    }
    described = {
        "asyncapi": "3.0.0",
        "info": {
            "title": "prodops",
            "version": version("epic-prodops"),
            "description": _DESCRIPTION,
        },
        "defaultContentType": "application/json",
        "servers": servers(),
        "channels": {name: channel_of(name, each) for name, each in messages.items()},
        "operations": _operations(messages),
        "components": {
            "messages": {
                f"{channel}.{name}": message
                for channel, each in messages.items()
                for name, message in each.items()
            },
            "schemas": {**schemas, _ENRICHMENT: schema_of(Enrichment)},
            "securitySchemes": SECURITY,
        },
    }
    # Nothing is shared in the copy, so that YAML has no anchors.
    copied: dict[str, Any] = json.loads(json.dumps(described))
    return copied


def as_yaml() -> str:
    """The document's text."""
    text: str = yaml.safe_dump(document(), sort_keys=False, width=100, allow_unicode=True)
    return f"{_HEAD}{text}"


# ------------------------------------------------------------------ operations


def _operations(messages: Named) -> Named:
    asked = [name for name in messages[OPS] if name != _PING]
    return {
        "takeRequest": _operation("receive", OPS, asked, "Accept a request, or end."),
        "answerPing": {
            **_operation("receive", OPS, [_PING], "Say that somebody is there."),
            "reply": {
                "address": {"location": "$message.payload#/reply_to"},
                "channel": ref("channels", REPLY),
                "messages": [ref("channels", REPLY, "messages", "pong")],
            },
        },
        "takeWorkflowRequest": _operation(
            "receive", WORKFLOWS, messages[WORKFLOWS], "Run a workflow, stop it, or tell of it."
        ),
        "takeMessage": _operation("receive", TOPIC, _of_peers(), "Relay it, and sample its STF."),
        "publishEvent": _operation("send", TOPIC, published.on_topic(), "Announce an event."),
        "streamEvents": {
            **_operation("send", STREAM, messages[STREAM], "Send events to who follows."),
            "bindings": {"http": {"method": "GET", "query": schema_of(Asked)}},
        },
    }


def _operation(action: str, channel: str, names: Iterable[str], summary: str) -> dict[str, Any]:
    return {
        "action": action,
        "channel": ref("channels", channel),
        "summary": summary,
        "messages": [ref("channels", channel, "messages", name) for name in names],
    }


# ------------------------------------------------------------------ messages


def _taken(message: Received) -> dict[str, Any]:
    return _message(message.name, message.summary, message.schema, message.example)


def _of_peers() -> Named:
    """What peers send to the topic, by names that are not those of our events of the same type."""
    return {f"peer.{each.name}": _taken(each) for each in received.of_topic()}


def _on_topic(schemas: dict[str, Schema]) -> Named:
    headers = schema_of(published.TopicHeaders)
    return {
        name: {**_event(name, schemas[name]), "headers": headers} for name in published.on_topic()
    }


def _event(name: str, schema: Schema) -> dict[str, Any]:
    example = published.example(name, schema)
    return _message(name, schema["description"], ref("components", "schemas", name), example)


def _on_stream(schemas: dict[str, Schema]) -> Named:
    return {
        name: _streamed(
            name,
            schema["description"],
            ref("components", "schemas", name),
            published.example(name, schema),
        )
        for name, schema in schemas.items()
    }


def _relayed() -> dict[str, Any]:
    schema = schema_of(Message)
    return _streamed(ANYTHING, "A message of a peer, as it came.", schema, example_of(schema))


def _streamed(name: str, summary: str, body: Schema, example: dict[str, Any]) -> dict[str, Any]:
    payload = {"allOf": [body, ref("components", "schemas", _ENRICHMENT)]}
    message = _message(name, summary, payload, published.enriched(example))
    frame = {"id": {"type": "integer", "description": "Number of the event, increasing."}}
    return {**message, "headers": _frame(name, **frame)}


def _control() -> Named:
    return {name: _control_frame(name, schema_of(form)) for name, form in published.CONTROL.items()}


def _control_frame(name: str, schema: Schema) -> dict[str, Any]:
    message = _message(name, schema["description"], schema, example_of(schema))
    return {**message, "headers": _frame(name)}


def _frame(name: str, **more: Schema) -> Schema:
    """The fields of a server-sent event beside its data."""
    event: Schema = {"type": "string", "description": "Its `msg_type`."}
    if name != ANYTHING:
        event["const"] = name
    properties = {"event": event, **more}
    return {"type": "object", "properties": properties, "required": list(properties)}


def _message(name: str, summary: str, payload: Schema, example: Any) -> dict[str, Any]:
    return {
        "name": name,
        "summary": summary,
        "payload": payload,
        "examples": [{"name": "example", "payload": example}],
    }
