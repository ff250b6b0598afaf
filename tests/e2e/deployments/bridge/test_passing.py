"""Two agents on one queue: prodops takes what is switched to it, and passes on the others."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from sqlalchemy import text

from tests.broker_peer import Peer, Received
from tests.databases import Server
from tests.e2e.deployments.bridge.running import Bridge
from tests.waiting import stays, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

REQUESTS = "SELECT count(*) FROM request WHERE action = 'check_pipeline'"
OURS = {"msg_type": "check_pipeline", "namespace": "prodops"}


def theirs(bridge: Bridge) -> str:
    """The queue of the original agent."""
    return f"{bridge.queue}.original"


def side_by_side(bridge: Bridge, taken: str) -> dict[str, str]:
    return {"BUS_OTHERS_QUEUE": theirs(bridge), "BUS_TAKEN_REQUESTS": taken}


def ask(bridge: Bridge, *bodies: Any, **headers: str) -> None:
    with Peer(bridge.broker) as peer:
        for body in bodies:
            peer.publish(bridge.queue, body, is_confirmed=True, persistent="true", **headers)


def received_by_original(bridge: Bridge, number: int) -> list[Received]:
    """What the original agent gets: so many, and no more."""
    with Peer(bridge.broker) as peer:
        peer.subscribe(theirs(bridge))
        found = peer.receive_many(number)
        return found + peer.received_before(theirs(bridge))


def test_what_is_not_switched_reaches_the_original_unchanged(bridge: Bridge) -> None:
    bridge.connected(**side_by_side(bridge, "check_pipeline"))
    sent = b'{"msg_type": "submit_task",  "task_name": "caf\xc3\xa9", "x": NaN}'
    ask(bridge, sent, **{"correlation-id": "7", "vo": "eic"})
    ask(bridge, OURS)
    [came] = received_by_original(bridge, 1)
    assert came.body == sent
    assert (came.headers["correlation-id"], came.headers["vo"]) == ("7", "eic")
    assert "content-length" not in came.headers
    bridge.wait_count(REQUESTS, 1)


def test_a_message_of_bytes_stays_one(bridge: Bridge) -> None:
    bridge.connected(**side_by_side(bridge, ""))
    body = b'{"msg_type": "theirs", "x": "a\\u0000b"}'
    ask(bridge, body, **{"content-length": str(len(body))})
    [came] = received_by_original(bridge, 1)
    assert (came.body, came.headers["content-length"]) == (body, str(len(body)))


def test_types_are_switched_one_by_one_and_back(bridge: Bridge) -> None:
    for taken, count in (("", 0), ("check_pipeline", 1), ("", 1)):
        bridge.connected(**side_by_side(bridge, taken))
        ask(bridge, OURS)
        if taken:
            bridge.wait_count(REQUESTS, count)
        else:
            assert len(received_by_original(bridge, 1)) == 1
        bridge.kill()
        bridge.value("UPDATE ops_part SET details = '{}' WHERE kind = 'bridge' RETURNING kind")
    assert bridge.value(REQUESTS) == 1


def test_what_was_taken_before_a_kill_is_not_passed_on_after_a_switch(bridge: Bridge) -> None:
    """Beyond its commit: the broker delivers again what the database has."""
    process = bridge.connected(**side_by_side(bridge, "check_pipeline"))
    process.send_signal(signal.SIGSTOP)
    ask(bridge, OURS)
    process.send_signal(signal.SIGCONT)
    wait_until(lambda: bridge.value(REQUESTS) > 0)
    process.kill()
    bridge.start(**side_by_side(bridge, ""))
    ask(bridge, {"msg_type": "theirs"})
    [came] = received_by_original(bridge, 1)
    assert came.message["msg_type"] == "theirs"


def test_nothing_is_lost_or_doubled_when_it_is_killed_while_it_passes_on(bridge: Bridge) -> None:
    given = side_by_side(bridge, "")
    for first in range(0, 300, 100):
        bridge.start(**given)
        ask(bridge, *({"msg_type": "theirs", "n": n} for n in range(first, first + 100)))
        bridge.kill()
    bridge.start(**given)
    came = received_by_original(bridge, 300)
    assert sorted(each.message["n"] for each in came) == list(range(300))


def test_with_the_database_away_requests_wait_and_none_is_passed_on_twice(
    bridge: Bridge, postgres: Server
) -> None:
    process = bridge.connected(**side_by_side(bridge, ""))
    with no_connections(postgres, bridge.database.name):
        ask(bridge, {"msg_type": "theirs"})
        assert stays(lambda: process.poll() is None, 2.0)
    assert len(received_by_original(bridge, 1)) == 1


@contextmanager
def no_connections(server: Server, name: str) -> Iterator[None]:
    """The database takes nobody, and whoever is connected is not any longer."""
    ended = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = :name"
    admin = server.admin()
    with closing(admin.connect()) as connection:
        connection.execute(text(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false'))
        connection.execute(text(ended), {"name": name})
        try:
            yield
        finally:
            connection.execute(text(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true'))
    admin.dispose()
