"""The adapter on a real ActiveMQ: what it sends and gets, and how it says what is wrong."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from blocks.message_broker.access import BrokerAccess
from blocks.message_broker.connection import BrokerConnection
from blocks.message_broker.errors import BadLogin, BrokerRefused, BrokerUnavailable
from blocks.message_broker.frames import Delivery, Outgoing, Subscription
from tests.broker import Broker, fresh_name
from tests.broker_peer import Peer
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

# Classic closes a refused connection, rarely before its words have gone out.
_UNSAID = "the connection broke"


@dataclass
class Kept:
    """A listener that keeps what it hears."""

    deliveries: list[Delivery] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    is_lost: threading.Event = field(default_factory=threading.Event)

    def received(self, delivery: Delivery) -> None:
        self.deliveries.append(delivery)

    def lost(self, reason: str) -> None:
        self.reasons.append(reason)
        self.is_lost.set()

    def wait(self, number: int) -> list[Delivery]:
        wait_until(lambda: len(self.deliveries) >= number)
        return self.deliveries


def access(broker: Broker, **changed: Any) -> BrokerAccess:
    """The ops side's way in; it notices within a second that the broker is silent."""
    plain = BrokerAccess(
        host=broker.host, port=broker.port, login_file=broker.login_file(), heartbeat_seconds=0.5
    )
    return replace(plain, **changed)


def test_a_message_comes_as_it_was_sent_and_again_until_it_is_acknowledged(
    broker: Broker, queue: str
) -> None:
    first, second = Kept(), Kept()
    with BrokerConnection(access(broker), first) as connection:
        connection.subscribe(Subscription(destination=queue))
        with Peer(broker) as peer:
            for number in range(3):
                peer.publish(queue, {"number": number})
        connection.acknowledge(first.wait(3)[:1])
    with BrokerConnection(access(broker), second) as connection:
        connection.subscribe(Subscription(destination=queue))
        again = second.wait(2)
        connection.acknowledge(again)
    assert [each.body for each in again] == [b'{"number": 1}', b'{"number": 2}']
    assert [each.message_id for each in again] == [each.message_id for each in first.deliveries[1:]]
    assert {each.destination for each in again} == {queue}


def test_a_text_without_a_content_length_reaches_a_peer(broker: Broker, topic: str) -> None:
    with Peer(broker) as peer, BrokerConnection(access(broker), Kept()) as connection:
        peer.subscribe(topic)
        connection.send_all(
            [Outgoing(destination=topic, body='{"a": "ü"}', headers={"run_id": "7"})]
        )
        received = peer.receive()
    assert received.message == {"a": "ü"}
    assert received.headers["run_id"] == "7"
    assert "content-length" not in received.headers


def test_a_durable_subscription_keeps_what_came_meanwhile(broker: Broker, topic: str) -> None:
    name = fresh_name()
    wanted = Subscription(destination=topic, durable_name=name)
    own = access(broker, client_id=name)
    with BrokerConnection(own, Kept()) as connection:
        connection.subscribe(wanted)
    with Peer(broker) as peer:
        peer.publish(topic, "while away", is_confirmed=True)
    kept = Kept()
    with BrokerConnection(own, kept) as connection:
        connection.subscribe(wanted)
        [delivery] = kept.wait(1)
        connection.acknowledge([delivery])
    assert delivery.body == b"while away"


@pytest.mark.parametrize(
    "body", [b"\xff\xfe\x00x", b"", b"x" * (10 << 20)], ids=["no UTF-8", "empty", "large"]
)
def test_any_body_comes_as_bytes(broker: Broker, queue: str, body: bytes) -> None:
    kept = Kept()
    with Peer(broker) as peer, BrokerConnection(access(broker), kept) as connection:
        connection.subscribe(Subscription(destination=queue))
        length = {"content-length": str(len(body))}
        peer.publish(queue, body, **length)
        [delivery] = kept.wait(1)
        connection.acknowledge([delivery])
    assert delivery.body == body


def test_a_wrong_password_is_said(broker: Broker, tmp_path: Path) -> None:
    login = tmp_path / "login"
    login.write_text("prodops:wrong")
    login.chmod(0o600)
    with pytest.raises(
        BrokerRefused, match=rf"{broker.port} refuses: .*({_UNSAID}|password is invalid)"
    ):
        BrokerConnection(access(broker, login_file=login), Kept()).open()


def test_a_client_id_in_use_is_said(broker: Broker) -> None:
    own = access(broker, client_id=fresh_name())
    with (
        BrokerConnection(own, Kept()),
        pytest.raises(BrokerRefused, match=f"{_UNSAID}|{own.client_id} already connected"),
    ):
        BrokerConnection(own, Kept()).open()


def test_a_port_where_nobody_listens_is_said(broker: Broker) -> None:
    nobody = BrokerConnection(access(broker, port=1), Kept())
    with pytest.raises(BrokerUnavailable, match=r"127.0.0.1:1 cannot be reached: .*refused"):
        nobody.open()


def test_a_destination_without_its_kind_is_refused(broker: Broker) -> None:
    with (
        BrokerConnection(access(broker), Kept()) as connection,
        pytest.raises(ValueError, match="'epictopic' must begin with /queue/ or /topic/"),
    ):
        connection.send(Outgoing(destination="epictopic", body=""))


def test_tls_is_verified(broker: Broker, queue: str) -> None:
    kept = Kept()
    own = access(broker, port=broker.tls_port, has_tls=True, ca_file=broker.ca_file)
    with BrokerConnection(own, kept) as connection:
        connection.subscribe(Subscription(destination=queue))
        connection.send_all([Outgoing(destination=queue, body="by tls")])
        connection.acknowledge(kept.wait(1))
    assert kept.deliveries[0].body == b"by tls"


def test_a_certificate_that_nobody_known_signed_is_said(broker: Broker) -> None:
    own = access(broker, port=broker.tls_port, has_tls=True)
    with pytest.raises(BrokerUnavailable, match="certificate verify failed"):
        BrokerConnection(own, Kept()).open()


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        ("prodops:x", 0o644, "has mode 644: chmod 600 it"),
        ("prodops", 0o600, "must hold one line: user:password"),
        ("a:b\nc:d", 0o600, "must hold one line: user:password"),
    ],
)
def test_a_bad_login_file_is_named(
    broker: Broker, tmp_path: Path, text: str, mode: int, said: str
) -> None:
    login = tmp_path / "login"
    login.write_text(text)
    login.chmod(mode)
    with pytest.raises(BadLogin, match=said):
        BrokerConnection(access(broker, login_file=login), Kept()).open()


def test_a_login_file_that_is_not_there_is_named(broker: Broker, tmp_path: Path) -> None:
    own = access(broker, login_file=tmp_path / "none")
    with pytest.raises(BadLogin, match="No such file"):
        BrokerConnection(own, Kept()).open()


# ------------------------------------------------------------------ a broker that breaks


@pytest.mark.slow
def test_a_killed_broker_is_noticed_and_what_it_kept_comes_again(own_broker: Broker) -> None:
    kept, again = Kept(), Kept()
    queue = "/queue/kept"
    with BrokerConnection(access(own_broker), kept) as connection:
        connection.subscribe(Subscription(destination=queue))
        message = Outgoing(destination=queue, body="kept", headers={"persistent": "true"})
        connection.send_all([message])
        kept.wait(1)
        own_broker.kill()
        assert kept.is_lost.wait(30)
        with pytest.raises(BrokerUnavailable):
            connection.send_all([message])
    own_broker.start()
    with BrokerConnection(access(own_broker), again) as connection:
        connection.subscribe(Subscription(destination=queue))
        assert again.wait(1)[0].message_id == kept.deliveries[0].message_id


def opened(own: BrokerAccess) -> BrokerConnection | None:
    """A connection; None while the broker, which has just been started, does not take it yet."""
    connection = BrokerConnection(own, Kept())
    try:
        connection.open()
    except BrokerUnavailable:
        return None
    return connection


@pytest.mark.parametrize(
    "has_tls", [pytest.param(False, marks=pytest.mark.slow), True], ids=["plain", "tls"]
)
def test_a_broker_that_hangs_is_silent_and_is_left_at_once(
    own_broker: Broker,
    has_tls: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    own = access(own_broker)
    if has_tls:
        own = replace(own, port=own_broker.tls_port, has_tls=True, ca_file=own_broker.ca_file)
    connection = wait_until(lambda: opened(own))
    assert not connection.is_silent()
    with own_broker.paused():
        wait_until(connection.is_silent)
        connection.close()
        with pytest.raises(BrokerUnavailable):
            BrokerConnection(replace(own, answer_seconds=0.5), Kept()).open()
