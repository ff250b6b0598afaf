"""The bridge while its database is away: messages wait at the broker, and pings are answered."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, make_url, text

from deployments.bench.outage.outside import Part
from deployments.stack.stack import Stack
from flows.common.database import make_engine, transaction
from flows.common.database_errors import DatabaseUnavailable
from tests.broker import BrokerAddress, require_broker
from tests.broker_peer import Peer
from tests.stacks import running_stack
from tests.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

QUEUE = "/queue/epicprod.ops"
TOPIC = "/topic/epictopic"


@pytest.fixture
def stack() -> Iterator[Stack]:
    require_broker()
    parts = ("postgres", "broker", "bridge")
    # No worker is here to make the block.
    given = {"PRODOPS_SANDBOX_BROKER": "true", "PRODOPS_BUS_BLOCK": ""}
    with running_stack(given, parts=parts, is_durable=True) as running:
        yield running


@pytest.fixture
def engine(stack: Stack) -> Iterator[Engine]:
    given = stack.environment("ops")
    engine = make_engine(
        make_url(given["PRODOPS_DATABASE_URL"]),
        passfile=Path(given["PRODOPS_DATABASE_PASSFILE"]),
        pool_size=1,
    )
    yield engine
    engine.dispose()


def count(engine: Engine) -> int:
    try:
        with transaction(engine) as session:
            return session.scalar(text("SELECT count(*) FROM event WHERE origin = 'bus'")) or 0
    except DatabaseUnavailable:
        return 0


@pytest.mark.parametrize("way", ["killed", "frozen"])
def test_what_comes_without_a_database_is_taken_once_it_is_back(
    stack: Stack, engine: Engine, way: str
) -> None:
    address = BrokerAddress(stack.settings)
    postgres = Part(stack, "postgres")
    with Peer(address) as peer:
        peer.subscribe("/queue/pong")
        peer.publish(TOPIC, {"msg_type": "first"}, is_confirmed=True)
        wait_until(lambda: count(engine) == 1)
        if way == "frozen":
            postgres.freeze()
        else:
            os.kill(stack.pid("postgres"), signal.SIGKILL)
        for number in range(200):
            peer.publish(TOPIC, {"msg_type": "x", "number": number}, persistent="true")
        peer.publish(QUEUE, {"msg_type": "health_ping", "reply_to": "/queue/pong"})
        assert peer.receive(10).message["msg_type"] == "pong"
    postgres.thaw()
    wait_until(lambda: count(engine) == 201)
