"""Where messages come from and go to: the servers and channels of the AsyncAPI document."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from flows.common.settings.bus import BusSettings

OPS, WORKFLOWS, TOPIC = "opsQueue", "workflowQueue", "topic"
REPLY, STREAM = "reply", "stream"
Named = dict[str, dict[str, Any]]
SECURITY: Final = {
    "login": {"type": "userPassword", "description": "User and password at the broker."},
    "certificate": {"type": "X509", "description": "A client's certificate at the broker."},
    "token": {
        "type": "httpApiKey",
        "name": "Authorization",
        "in": "header",
        "description": "`Token KEY`, or `Bearer KEY`.",
    },
}


def servers() -> Named:
    """The servers, without real hosts."""
    return {
        "broker": {
            "host": "{host}:{port}",
            "protocol": "stomp",
            "protocolVersion": "1.2",
            "description": "ActiveMQ Classic or Artemis, with or without TLS.",
            "variables": {
                "host": {"description": "`PRODOPS_BUS_HOST`"},
                "port": {"description": "`PRODOPS_BUS_PORT`", "default": str(default("port"))},
            },
            "security": [ref("components", "securitySchemes", "login"),
                         ref("components", "securitySchemes", "certificate")],
        },
        "api": {
            "host": "{host}:{port}",
            "protocol": "http",
            "description": "The REST API, or the proxy before it; described in openapi.json.",
            "variables": {
                "host": {"description": "`PRODOPS_API_HOST`"},
                "port": {"description": "`PRODOPS_API_PORT`"},
            },
            "security": [ref("components", "securitySchemes", "token")],
        },
    }  # fmt: skip


def channel_of(name: str, messages: Iterable[str]) -> dict[str, Any]:
    """A channel with its messages, by name."""
    return {
        **_channels()[name],
        "messages": {each: ref("components", "messages", f"{name}.{each}") for each in messages},
    }


def _channels() -> Named:
    broker = [ref("servers", "broker")]
    return {
        OPS: {
            "address": default("ops_queue"),
            "title": "Requests",
            "description": "Queue of the requests for actions (`PRODOPS_BUS_OPS_QUEUE`).",
            "servers": broker,
        },
        WORKFLOWS: {
            "address": default("workflow_queue"),
            "title": "Requests for workflows",
            "description": "Queue of the workflow runner, where prodops is it "
            "(`PRODOPS_BUS_WORKFLOW_QUEUE`, `PRODOPS_BUS_IS_RUNNER`).",
            "servers": broker,
        },
        TOPIC: {
            "address": default("topic"),
            "title": "Topic",
            "description": "Messages of the testbed, and our events (`PRODOPS_BUS_TOPIC`).",
            "servers": broker,
        },
        REPLY: {
            "address": None,
            "title": "Answers to control",
            "description": "The destination that a `health_ping` names.",
            "servers": broker,
        },
        STREAM: {
            "address": "/api/messages/stream/",
            "title": "Live stream",
            "description": "Server-sent events: each event in order, with its number as `id`.",
            "servers": [ref("servers", "api")],
        },
    }


def default(setting: str) -> Any:
    """A destination or a port, where it is not set."""
    return BusSettings.model_fields[setting].default


def ref(*path: str) -> dict[str, str]:
    """A reference within the document."""
    return {"$ref": "#/" + "/".join(path)}
