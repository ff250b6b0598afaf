"""Peers on the bus: one that sends until all is confirmed, one that pings, one that listens."""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from blocks.message_broker.access import BrokerAccess
from blocks.message_broker.connection import BrokerConnection
from blocks.message_broker.errors import BrokerUnavailable
from blocks.message_broker.frames import Delivery, Outgoing, Subscription
from deployments.bench.common.stack import BenchBroken
from deployments.sandbox.broker.access import AGENT_USER, HOST, login_file
from flows.common.settings import Settings

_CHUNK: Final = 100
_PATIENCE_SECONDS: Final = 60.0
_PAUSE_SECONDS: Final = 0.1
_PING_SECONDS: Final = 0.05


def access_of(settings: Settings) -> BrokerAccess:
    """How a peer reaches the sandbox's broker."""
    return BrokerAccess(
        host=HOST,
        port=settings.sandbox.broker_port,
        login_file=login_file(settings, AGENT_USER),
    )


@dataclass
class Ear:
    """Keeps what comes, with the time at which it came."""

    arrived: queue.SimpleQueue[tuple[float, Delivery]] = field(default_factory=queue.SimpleQueue)

    def received(self, delivery: Delivery) -> None:
        """Keep it."""
        self.arrived.put((time.monotonic(), delivery))

    def lost(self, reason: str) -> None:
        """Nobody waits for it: the next send says so."""

    def next(self, seconds: float) -> tuple[float, Mapping[str, Any]]:
        """When the next message came, and what it says.

        Raises:
            BenchBroken: None came in that time.
        """
        try:
            at, delivery = self.arrived.get(timeout=seconds)
        except queue.Empty:
            raise BenchBroken(f"nothing came from the bus in {seconds:g} s") from None
        return at, json.loads(delivery.body)


def send_surely(access: BrokerAccess, destination: str, bodies: Sequence[Mapping[str, Any]]) -> int:
    """Send messages until the broker has confirmed each; gives how many were sent again.

    Raises:
        BenchBroken: The broker stayed away.
    """
    left = [
        Outgoing(destination=destination, body=json.dumps(body), headers={"persistent": "true"})
        for body in bodies
    ]
    again = 0
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while left:
        try:
            with BrokerConnection(access, Ear()) as connection:
                while left:
                    connection.send_all(left[:_CHUNK])
                    del left[:_CHUNK]
        except BrokerUnavailable as error:
            if time.monotonic() > deadline:
                raise BenchBroken(f"the burst could not be sent: {error}") from error
            again += min(_CHUNK, len(left))
            time.sleep(_PAUSE_SECONDS)
    return again


@contextmanager
def pinging(access: BrokerAccess, ops_queue: str) -> Iterator[list[float]]:
    """Ping by the clock meanwhile; the list grows by the seconds that each answer took."""
    ear, is_over = Ear(), threading.Event()
    answers: list[float] = []
    reply_to = f"{ops_queue}.pong.bench"
    ping = {"msg_type": "health_ping", "namespace": "prodops", "reply_to": reply_to}
    message = Outgoing(destination=ops_queue, body=json.dumps(ping))
    failures: list[Exception] = []

    def ping_on() -> None:
        try:
            while not is_over.wait(_PING_SECONDS):
                sent_at = time.monotonic()
                connection.send(message)
                at, _ = ear.next(_PATIENCE_SECONDS)
                answers.append(at - sent_at)
        except (BenchBroken, BrokerUnavailable) as error:
            failures.append(error)

    with BrokerConnection(access, ear) as connection:
        connection.subscribe(Subscription(destination=reply_to))
        thread = threading.Thread(target=ping_on, name="ping")
        thread.start()
        try:
            yield answers
        finally:
            is_over.set()
            thread.join()
    if failures:
        raise failures[0]
