"""The bridge as a process, with a real broker: whatever is killed or hangs, nothing is lost."""

from __future__ import annotations

import json
import signal
import time
from typing import Any

import pytest

from flows.common import events
from flows.common.database import transaction
from tests.broker_peer import Peer
from tests.e2e.deployments.bridge.running import Bridge, end
from tests.waiting import stays, wait_until

pytestmark = pytest.mark.e2e

EVENTS = "SELECT count(*) FROM event WHERE origin = 'bus'"
ASIDE = "SELECT count(*) FROM bus_set_aside"
STFS = "SELECT count(*) FROM fastmon_inbox"


def stf(number: int) -> dict[str, Any]:
    return {
        "msg_type": "stf_ready", "namespace": "n", "run_id": "100", "sender": "data-agent-1",
        "filename": f"swf.100.{number:06d}.stf", "size_bytes": 1000,
    }  # fmt: skip


def publish(bridge: Bridge, *bodies: Any, destination: str | None = None) -> None:
    """Send messages that the broker keeps through a restart, by default to the topic."""
    to = destination or bridge.topic
    with Peer(bridge.broker) as peer:
        for body in bodies[:-1]:
            peer.publish(to, body, persistent="true")
        peer.publish(to, bodies[-1], is_confirmed=True, persistent="true")


def pong(bridge: Bridge) -> str:
    return f"{bridge.queue}.pong"


def announce(bridge: Bridge, number: int) -> None:
    """Append an event of ours."""
    with transaction(bridge.database.ops_engine) as session:
        body = {"msg_type": "test_event", "sender": "tester", "number": number}
        events.commit(session, [events.message_event(body)])


# ------------------------------------------------------------------ in


def test_what_comes_while_nobody_is_there_is_taken_later(bridge: Bridge) -> None:
    bridge.connected()
    bridge.kill()
    publish(bridge, *(stf(number) for number in range(50)))
    publish(bridge, {"msg_type": "check_pipeline"}, destination=bridge.queue)
    bridge.start()
    bridge.wait_count(STFS, 50)
    bridge.wait_count("SELECT count(*) FROM request WHERE action = 'check_pipeline'", 1)


@pytest.mark.slow
def test_bridge_and_broker_are_killed_in_the_middle_and_nothing_is_lost_or_doubled(
    frail_bridge: Bridge,
) -> None:
    bridge = frail_bridge
    bridge.connected()
    for kills, first in enumerate(range(0, 1200, 400)):
        publish(bridge, *(stf(number) for number in range(first, first + 400)))
        bridge.kill()
        if kills == 1:
            bridge.broker.kill()
            bridge.broker.start()
        bridge.start()
    bridge.wait_count(STFS, 1200)
    bridge.wait_count(EVENTS, 1200)


def test_a_bridge_that_is_killed_before_it_acknowledges_takes_nothing_twice(
    bridge: Bridge,
) -> None:
    """Beyond its commit: the broker delivers again what the database has."""
    process = bridge.connected()
    process.send_signal(signal.SIGSTOP)
    publish(bridge, *(stf(number) for number in range(10)))
    process.send_signal(signal.SIGCONT)
    wait_until(lambda: bridge.value(EVENTS) > 0)
    process.kill()
    bridge.start()
    bridge.wait_count(STFS, 10)
    assert stays(lambda: bridge.value(EVENTS) == 10, 1.0)


def test_a_bad_message_stops_nothing(bridge: Bridge) -> None:
    bridge.connected()
    bad = ["no json", '{"a":' * 50_000, "[]", "{}", "x" * (10 << 20)]
    publish(bridge, stf(1), *bad, stf(2))
    publish(bridge, {"msg_type": "no_such"}, {"msg_type": "submit_task"}, destination=bridge.queue)
    bridge.wait_count(STFS, 2)
    bridge.wait_count(ASIDE, len(bad) + 2)
    assert bridge.condition() == "connected"


# ------------------------------------------------------------------ out


@pytest.mark.slow
def test_events_are_published_in_order_and_go_on_where_they_ended(frail_bridge: Bridge) -> None:
    bridge = frail_bridge
    bridge.connected()
    with Peer(bridge.broker, "watcher") as peer:
        peer.subscribe(bridge.topic, durable_name="watcher")
        for number in range(20):
            announce(bridge, number)
        seen = [peer.receive().message["number"] for _ in range(20)]
        bridge.kill()
        for number in range(20, 40):
            announce(bridge, number)
        bridge.broker.kill()
    bridge.broker.start()
    bridge.start()
    with Peer(bridge.broker, "watcher") as peer:
        peer.subscribe(bridge.topic, durable_name="watcher")
        while seen[-1] != 39:
            seen.append(peer.receive().message["number"])
    assert sorted(set(seen)) == list(range(40))
    assert [number for place, number in enumerate(seen) if number not in seen[:place]] == list(
        range(40)
    )


def test_an_event_has_the_form_that_peers_read(bridge: Bridge) -> None:
    bridge.connected()
    with Peer(bridge.broker) as peer:
        peer.subscribe(bridge.topic)
        publish(bridge, {"msg_type": "catalog_import", "source": "csv"}, destination=bridge.queue)
        received = peer.receive()
    message = received.message
    assert (message["sender"], message["namespace"]) == ("prodops", "prodops")
    assert (message["msg_type"], message["source"], message["ok"]) == (
        "catalog_import_ready", "csv", False,
    )  # fmt: skip
    assert "content-length" not in received.headers


def test_our_own_events_and_what_came_from_the_bus_are_not_taken_in_again(bridge: Bridge) -> None:
    bridge.connected()
    with Peer(bridge.broker) as peer:
        peer.subscribe(bridge.topic)
        announce(bridge, 1)
        publish(bridge, {"msg_type": "stf_gen"})
        assert {peer.receive().message["msg_type"] for _ in range(2)} == {"test_event", "stf_gen"}
        announce(bridge, 2)
        assert peer.receive().message["number"] == 2
    bridge.wait_count(EVENTS, 1)
    bridge.wait_count("SELECT count(*) FROM event", 3)


# ------------------------------------------------------------------ a broker that is not well


@pytest.mark.slow
def test_a_broker_that_comes_back_is_subscribed_again_within_seconds(frail_bridge: Bridge) -> None:
    bridge = frail_bridge
    bridge.connected()
    bridge.broker.kill()
    bridge.wait_for("broker_away")
    bridge.broker.start()
    began = time.monotonic()
    bridge.wait_for("connected")
    assert time.monotonic() - began < 15
    publish(bridge, stf(1))
    bridge.wait_count(STFS, 1)


@pytest.mark.slow
def test_a_broker_that_hangs_is_said_and_left(frail_bridge: Bridge) -> None:
    bridge = frail_bridge
    bridge.connected(BUS_HEARTBEAT_SECONDS="0.5")
    with bridge.broker.paused():
        reason = bridge.wait_for("broker_away")
    assert str(bridge.broker.port) in reason
    bridge.wait_for("connected")
    publish(bridge, stf(1))
    bridge.wait_count(STFS, 1)


@pytest.mark.slow
def test_a_broker_that_comes_back_empty_is_used_as_a_new_one(frail_bridge: Bridge) -> None:
    bridge = frail_bridge
    bridge.connected()
    publish(bridge, stf(1))
    bridge.wait_count(STFS, 1)
    bridge.broker.wipe()
    wait_until(lambda: bridge.condition() == "connected")
    wait_until(lambda: _is_taken(bridge, stf(2), 2))


def _is_taken(bridge: Bridge, body: dict[str, Any], number: int) -> bool:
    """Whether a message is taken; sent again, since nobody may have been subscribed yet."""
    publish(bridge, body)
    return bool(bridge.value(STFS) == number)


@pytest.mark.slow
def test_a_refused_password_is_said_and_found_out_when_it_is_put_right(
    frail_bridge: Bridge,
) -> None:
    bridge = frail_bridge
    login = bridge.broker.login_file()
    good = login.read_text()
    login.write_text("prodops:wrong")
    bridge.start()
    bridge.wait_for_reason("password is invalid")
    login.write_text(good)
    bridge.wait_for("connected")


@pytest.mark.slow
def test_a_client_id_in_use_is_said(bridge: Bridge) -> None:
    with Peer(bridge.broker, bridge.name):
        bridge.start()
        bridge.wait_for_reason("already connected")
    bridge.wait_for("connected")


# ------------------------------------------------------------------ several, and their end


@pytest.mark.slow
def test_of_two_bridges_one_works_and_the_other_takes_over(bridge: Bridge) -> None:
    first = bridge.connected()
    second = bridge.start()
    with Peer(bridge.broker) as peer:
        peer.subscribe(pong(bridge))
        assert stays(lambda: _pids(bridge, peer) == {first.pid}, 3.0)
        first.kill()
        wait_until(lambda: second.pid in _pids(bridge, peer))
    publish(bridge, *(stf(number) for number in range(20)))
    bridge.wait_count(STFS, 20)


def _pids(bridge: Bridge, peer: Peer) -> set[int]:
    """Which bridges answer a ping."""
    ping = {"msg_type": "health_ping", "reply_to": pong(bridge)}
    peer.publish(bridge.queue, ping, is_confirmed=True)
    return {peer.receive().message["pid"]}


@pytest.mark.slow
def test_a_ping_is_answered_at_once_under_load(bridge: Bridge) -> None:
    bridge.connected()
    load = [stf(number) for number in range(3000)]
    with Peer(bridge.broker) as pinger, Peer(bridge.broker) as sender:
        pinger.subscribe(pong(bridge))
        for body in load:
            sender.publish(bridge.topic, body, persistent="true")
        took = []
        while bridge.value(EVENTS) < len(load):
            began = time.monotonic()
            _pids(bridge, pinger)
            took.append(time.monotonic() - began)
    assert took
    assert max(took) < 5  # `prodops bench bus` measures it


@pytest.mark.slow
def test_a_stopped_bridge_ends_with_0(bridge: Bridge) -> None:
    assert end(bridge.connected()) == 0


@pytest.mark.slow
def test_shutdown_ends_it_with_100_and_only_once(bridge: Bridge) -> None:
    bridge.given["PRODOPS_BUS_ALLOWS_SHUTDOWN"] = "true"
    process = bridge.connected()
    publish(bridge, {"msg_type": "shutdown", "namespace": "prodops"}, destination=bridge.queue)
    assert process.wait(60) == 100
    again = bridge.connected()
    assert stays(lambda: again.poll() is None, 1.0)


@pytest.mark.slow
def test_shutdown_that_is_switched_off_is_set_aside(bridge: Bridge) -> None:
    process = bridge.connected()
    publish(bridge, {"msg_type": "shutdown"}, destination=bridge.queue)
    bridge.wait_count(ASIDE, 1)
    assert process.poll() is None


@pytest.mark.slow
def test_what_only_publishes_subscribes_to_nothing(bridge: Bridge) -> None:
    bridge.connected(BUS_TAKES_ACTIONS="false", BUS_TAKES_MESSAGES="false")
    publish(bridge, {"msg_type": "check_pipeline"}, destination=bridge.queue)
    with Peer(bridge.broker) as peer:
        peer.subscribe(bridge.topic)
        announce(bridge, 1)
        assert peer.receive().message["number"] == 1
        peer.subscribe(bridge.queue)
        assert json.loads(peer.receive().body)["msg_type"] == "check_pipeline"
