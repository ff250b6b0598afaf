"""An agent's messages by a real broker: what came while it was away comes, until dealt with."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from blocks.message_broker.access import BrokerAccess
from blocks.message_broker.errors import BrokerUnavailable
from deployments.agents.bus_transport import BusTransport
from deployments.agents.transport import Outgoing, Received
from tests.broker import Broker, fresh_name
from tests.broker_peer import Peer
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

STF = {"msg_type": "stf_ready", "namespace": "n", "filename": "a.stf"}


@dataclass
class Following:
    """A transport that is followed by a thread."""

    transport: BusTransport
    received: list[Received] = field(default_factory=list)
    is_connected: threading.Event = field(default_factory=threading.Event)

    def follow(self) -> None:
        wanted = ("stf_ready",)
        for each in self.transport.receive(wanted, None, connected=self._note):
            self.received.append(each)

    def _note(self, _position: int | None) -> None:
        self.is_connected.set()

    def wait(self, number: int) -> list[Received]:
        wait_until(lambda: len(self.received) >= number)
        return self.received


@contextmanager
def following(broker: Broker, name: str, topic: str) -> Iterator[Following]:
    access = BrokerAccess(
        host=broker.host, port=broker.port, login_file=broker.login_file(), heartbeat_seconds=0.5
    )
    made = Following(BusTransport(access, lambda: name, lambda _: None, topic=topic))
    thread = threading.Thread(target=made.follow)
    thread.start()
    try:
        assert made.is_connected.wait(60)
        yield made
    finally:
        made.transport.close()
        thread.join()


def test_what_is_wanted_comes_and_the_rest_is_passed_over(broker: Broker, topic: str) -> None:
    with following(broker, fresh_name(), topic) as made, Peer(broker) as peer:
        for body in ("no json", "[]", {"msg_type": "stf_gen"}, STF):
            peer.publish(topic, body)
        [received] = made.wait(1)
    assert (received.body, received.position) == (STF, 1)


def test_what_was_not_dealt_with_comes_again_to_the_next_one(broker: Broker, topic: str) -> None:
    name = fresh_name()
    with following(broker, name, topic) as made, Peer(broker) as peer:
        for number in range(3):
            peer.publish(topic, {**STF, "number": number}, persistent="true")
        made.wait(3)
        made.transport.settled(2)
    with following(broker, name, topic) as again:
        assert [each.body["number"] for each in again.wait(1)] == [2]


def test_what_is_sent_reaches_its_destination_with_its_headers(
    broker: Broker, topic: str, queue: str
) -> None:
    with following(broker, fresh_name(), topic) as made, Peer(broker) as peer:
        peer.subscribe(queue)
        message = Outgoing(body={"msg_type": "slice"}, destination=queue, headers={"vo": "eic"})
        made.transport.send(message)
        received = peer.receive()
    assert (received.message, received.headers["vo"]) == ({"msg_type": "slice"}, "eic")


@pytest.mark.slow
def test_a_broker_that_comes_back_is_followed_again(own_broker: Broker) -> None:
    topic = "/topic/back"
    with following(own_broker, "agent", topic) as made:
        own_broker.kill()
        wait_until(lambda: not made.transport.is_connected)
        with pytest.raises(BrokerUnavailable):
            made.transport.send(Outgoing(body={}))
        made.is_connected.clear()
        own_broker.start()
        assert made.is_connected.wait(60)
        with Peer(own_broker) as peer:
            peer.publish(topic, STF)
            made.wait(1)
