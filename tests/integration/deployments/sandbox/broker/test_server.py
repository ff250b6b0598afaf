"""The sandbox's message broker: who may log in, what it keeps, and what it does to peers."""

from __future__ import annotations

import re

import pytest

from deployments.sandbox.broker.access import AGENT_USER, OPS_USER
from tests.broker import fresh_name
from tests.broker_peer import Peer, PeerLost
from tests.waiting import wait_until

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("user", [OPS_USER, AGENT_USER])
@pytest.mark.parametrize("has_tls", [False, True])
def test_a_user_with_the_password_is_let_in(broker, queue, user, has_tls):
    with Peer(broker, user=user, has_tls=has_tls) as peer:
        peer.subscribe(queue)
        peer.publish(queue, {"msg_type": "stf_gen"})
        assert peer.receive().message == {"msg_type": "stf_gen"}


@pytest.mark.parametrize("has_tls", [False, True])
def test_a_wrong_password_is_refused(broker, has_tls):
    name = fresh_name()
    with pytest.raises(PeerLost):
        Peer(broker, name, password="wrong", has_tls=has_tls)
    # Not in what the peer gets: now and then the connection is closed before the ERROR frame.
    wait_until(lambda: re.search(f"{name}.*User name .agent. or password is invalid", broker.log))


def test_a_topic_reaches_all_that_are_subscribed_and_a_queue_one(broker, topic, queue):
    with Peer(broker, fresh_name()) as one, Peer(broker, fresh_name()) as other:
        for peer in (one, other):
            peer.subscribe(topic)
        one.publish(topic, "to all")
        assert [one.receive().text, other.receive().text] == ["to all", "to all"]
        one.subscribe(queue)
        other.publish(queue, "to one")
        assert one.receive().text == "to one"
        assert other.received_before(topic) == []


def test_a_second_connection_of_a_client_is_refused(broker):
    name = fresh_name()
    with Peer(broker, name), pytest.raises(PeerLost):
        Peer(broker, name)
    wait_until(lambda: f"Client: {name} already connected" in broker.log)
    Peer(broker, name).close()


def test_a_rejected_message_is_in_the_queue_s_own_dead_letter_queue(broker, queue):
    with Peer(broker) as peer:
        peer.subscribe(queue, ack="client-individual")
        peer.publish(queue, "bad", persistent="true")
        peer.reject(peer.receive())
        peer.subscribe(queue.replace("/queue/", "/queue/DLQ."))
        assert peer.receive().text == "bad"


def test_what_a_killed_peer_did_not_acknowledge_comes_again(broker, queue):
    first = Peer(broker)
    first.subscribe(queue, ack="client-individual")
    for body in ("one", "two"):
        first.publish(queue, body, is_confirmed=True)
    first.acknowledge(first.receive())
    first.drop()
    with Peer(broker) as second:
        second.subscribe(queue)
        again = second.receive()
    assert (again.text, again.headers["redelivered"]) == ("two", "true")


@pytest.mark.slow
def test_a_kill_loses_no_persistent_message_and_no_durable_subscription(own_broker, queue, topic):
    with Peer(own_broker, "agent-1") as agent:
        agent.subscribe(topic, durable_name="agent-1")
    sender = Peer(own_broker)
    for destination in (queue, topic):
        sender.publish(destination, "kept", is_confirmed=True, persistent="true")
    sender.publish(queue, "forgotten", is_confirmed=True)
    own_broker.kill()
    sender.wait_lost()
    own_broker.start()
    with Peer(own_broker, "agent-1") as agent:
        agent.subscribe(topic, durable_name="agent-1")
        assert agent.receive().text == "kept"
        agent.subscribe(queue)
        assert [each.text for each in agent.received_before(queue)] == ["kept"]


@pytest.mark.slow
def test_a_stop_loses_no_persistent_message_and_keeps_the_passwords(own_broker, queue):
    password = own_broker.password()
    with Peer(own_broker) as peer:
        peer.publish(queue, "kept", is_confirmed=True, persistent="true")
    own_broker.stop()
    own_broker.start()
    assert own_broker.password() == password
    with Peer(own_broker, user=OPS_USER) as peer:
        peer.subscribe(queue)
        assert peer.receive().text == "kept"


@pytest.mark.slow
def test_a_wiped_broker_comes_back_empty_with_the_same_users(own_broker, queue):
    with Peer(own_broker) as peer:
        peer.publish(queue, "lost", is_confirmed=True, persistent="true")
    own_broker.wipe()
    with Peer(own_broker) as peer:
        peer.subscribe(queue)
        assert peer.received_before(queue) == []


@pytest.mark.slow
def test_a_paused_broker_answers_nothing_until_it_goes_on(own_broker, queue):
    with Peer(own_broker) as peer:
        peer.subscribe(queue)
        with own_broker.paused():
            peer.publish(queue, "late")
            with pytest.raises(AssertionError, match="no message within"):
                peer.receive(seconds=0.3)
        assert peer.receive().text == "late"


def test_a_peer_that_breaks_its_promise_of_heartbeats_is_cut_off(broker):
    silent = Peer(broker, heartbeats_ms=(200, 0))
    silent.be_silent()
    silent.wait_lost()
