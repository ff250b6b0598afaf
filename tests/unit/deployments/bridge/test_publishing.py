"""What of a stored event goes to the topic."""

from __future__ import annotations

import json
from typing import cast

import pytest
from sqlalchemy import Engine

from deployments.asyncapi.published import TopicHeaders
from deployments.bridge.publishing import Publisher, wire_body
from flows.common import events
from flows.messages.repository import Unpublished


def test_what_only_the_stored_message_has_stays_inside() -> None:
    body = {"msg_type": "rucio_snapshot_ready", "namespace": "prodops", "sender": "prodops"}
    stored = events.message_event({**body, "ok": True})
    assert wire_body(_payload(stored)) == {**body, "ok": True}


def test_a_namespace_that_nobody_gave_is_not_made_up() -> None:
    assert "namespace" not in wire_body(_payload(events.message_event({"msg_type": "x"})))


def test_nothing_looks_like_a_heartbeat_to_the_original_monitor() -> None:
    event = events.message_event({"msg_type": "x", "agent_name": "a", "status": "OK"})
    assert wire_body(_payload(event)) == {"msg_type": "x", "status": "OK"}


@pytest.mark.parametrize("more", [{}, {"namespace": "testbed", "run_id": 7}])
def test_the_headers_are_those_that_are_described(more: dict[str, object]) -> None:
    publisher = Publisher(cast("Engine", None), "/topic/epictopic", "an instance", 0)
    event = events.message_event({"msg_type": "x", **more})
    sent = publisher._outgoing(Unpublished(3, _payload(event)))
    assert set(sent.headers) == TopicHeaders.model_validate(sent.headers).model_fields_set
    assert set(sent.headers) >= {
        name for name in TopicHeaders.model_fields if name not in _OPTIONAL
    }


_OPTIONAL = {"namespace", "run_id"}


def _payload(event: events.NewEvent) -> dict[str, object]:
    payload: dict[str, object] = json.loads(event.payload)
    return payload
