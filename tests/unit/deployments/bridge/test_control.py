"""`health_ping` and `shutdown`, without a broker."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from blocks.message_broker.connection import BrokerConnection
from blocks.message_broker.errors import BrokerUnavailable
from blocks.message_broker.frames import Delivery, Outgoing
from deployments.bridge.control import Control
from flows.common.settings.bus import BusSettings
from tests.unit.deployments.bridge.deliveries import QUEUE, TOPIC, delivery

PING = {"msg_type": "health_ping", "namespace": "prodops", "reply_to": "/queue/pong.host.1"}


@dataclass
class Recorded:
    """A connection that keeps what it is given."""

    is_broken: bool = False
    sent: list[Outgoing] = field(default_factory=list)
    acknowledged: list[Delivery] = field(default_factory=list)

    def send(self, message: Outgoing) -> None:
        if self.is_broken:
            raise BrokerUnavailable("it broke")
        self.sent.append(message)

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        self.acknowledged += deliveries


def answer(
    body: dict[str, Any], *, destination: str = QUEUE, is_broken: bool = False, **configured: Any
) -> tuple[bool, Recorded, Control]:
    control = Control(BusSettings(**configured), "prodops-agent-1", 42)
    connection = Recorded(is_broken)
    said = control.is_answered(cast("BrokerConnection", connection), delivery(body, destination))
    return said, connection, control


def test_a_ping_is_answered_with_exactly_the_pong() -> None:
    is_answered, connection, _ = answer(PING)
    assert is_answered
    [pong] = connection.sent
    assert pong.destination == "/queue/pong.host.1"
    assert pong.headers == {}
    assert json.loads(pong.body) == {"msg_type": "pong", "agent": "prodops-agent-1", "pid": 42}
    assert len(connection.acknowledged) == 1


def test_a_ping_without_a_namespace_is_answered() -> None:
    assert answer({"msg_type": "health_ping", "reply_to": "/topic/x"})[0]


@pytest.mark.parametrize(
    "body",
    [
        {**PING, "namespace": "torre1"},
        {**PING, "reply_to": "bare"},
        {"msg_type": "health_ping"},
        {"msg_type": "submit_task", "task_name": "shutdown"},
        {"msg_type": "shutdown"},
    ],
    ids=["foreign", "bare", "no reply_to", "another", "switched off"],
)
def test_what_is_not_for_control_is_left_to_the_others(body: dict[str, Any]) -> None:
    is_answered, connection, control = answer(body)
    assert not is_answered
    assert (connection.sent, connection.acknowledged) == ([], [])
    assert not control.is_shut_down.is_set()


def test_the_topic_controls_nothing() -> None:
    assert not answer(PING, destination=TOPIC)[0]


def test_shutdown_is_acknowledged_before_it_is_obeyed() -> None:
    is_answered, connection, control = answer({"msg_type": "shutdown"}, allows_shutdown=True)
    assert is_answered
    assert len(connection.acknowledged) == 1
    assert control.is_shut_down.is_set()


def test_a_ping_that_could_not_be_answered_comes_again() -> None:
    is_answered, connection, _ = answer(PING, is_broken=True)
    assert is_answered
    assert connection.acknowledged == []
