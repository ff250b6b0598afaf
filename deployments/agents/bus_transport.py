"""An agent's messages by the message bus: a durable subscription, acknowledged once dealt with."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

from blocks.back_off import BackOff
from blocks.message_broker.access import BrokerAccess
from blocks.message_broker.connection import BrokerConnection
from blocks.message_broker.errors import BadLogin, BrokerUnavailable
from blocks.message_broker.frames import Delivery, Subscription
from blocks.message_broker.frames import Outgoing as Frame
from blocks.message_broker.inbox import Inbox
from deployments.agents.transport import EPIC_TOPIC, Outgoing, Received

_PREFETCH: Final = 200
_TICK_SECONDS: Final = 0.5


@dataclass
class BusTransport:
    """The bus, as the original agents use it; what came while the agent was away comes later.

    Positions are counted by this process: after a break the broker delivers again what was not
    acknowledged, under new ones.

    Attributes:
        access: How the broker is reached.
        name: The agent's name, once it is registered: its client id, and its subscription's.
        report: Is told, once, that the broker is away.
        record: Has the monitor know of a message that it does not see, since the topic is not where
            it goes; it raises `OutsideUnavailable` where it may not have been recorded.
        topic: What is subscribed.
    """

    access: BrokerAccess
    name: Callable[[], str]
    report: Callable[[str], None]
    record: Callable[[Outgoing], None] = lambda _message: None
    topic: str = EPIC_TOPIC
    is_connected: bool = False
    has_destinations: bool = True
    _connection: BrokerConnection | None = None
    _open: OrderedDict[int, Delivery] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _is_closed: threading.Event = field(default_factory=threading.Event)
    _failures: int = 0
    _pauses: BackOff = field(default_factory=lambda: BackOff(0.2, 10.0))

    def receive(
        self,
        msg_types: Collection[str],
        after: int | None,
        *,
        connected: Callable[[int | None], None],
    ) -> Iterator[Received]:
        """See `Transport`; where it begins, the broker knows."""
        number = after or 0
        while not self._is_closed.is_set():
            try:
                for delivery in self._deliveries(lambda: connected(number)):  # noqa: B023 - at once
                    body = _body_of(delivery)
                    if body is None or (msg_types and body.get("msg_type") not in msg_types):
                        self._acknowledge([delivery])
                        continue
                    number += 1
                    with self._lock:
                        self._open[number] = delivery
                    yield Received(body=body, position=number)
            except (BrokerUnavailable, BadLogin) as error:
                self._lost(str(error))

    def settled(self, position: int) -> None:
        """See `Transport`: what has been dealt with is not delivered again."""
        with self._lock:
            done = [number for number in self._open if number <= position]
            deliveries = [self._open.pop(number) for number in done]
        self._acknowledge(deliveries)

    def send(self, message: Outgoing) -> None:
        """See `Transport`; the broker has it when this returns."""
        connection = self._connection
        if connection is None:
            raise BrokerUnavailable(f"there is no connection to the broker {self.access.place}")
        text = json.dumps(message.body)
        headers = {"persistent": "true", **message.headers}
        connection.send_all([Frame(destination=message.destination, body=text, headers=headers)])
        if message.destination != self.topic:
            self.record(message)

    def close(self) -> None:
        """See `Transport`."""
        self._is_closed.set()
        if (connection := self._connection) is not None:
            connection.close()

    # ------------------------------------------------------------------ one connection

    def _deliveries(self, connected: Callable[[], None]) -> Iterator[Delivery]:
        """What comes by one connection, until it breaks or the transport is closed.

        Raises:
            BrokerUnavailable: It broke, or could not be made.
            BadLogin: The login file cannot be used.
        """
        inbox = Inbox()
        name = self.name()
        with BrokerConnection(replace(self.access, client_id=name), inbox) as connection:
            connection.subscribe(
                Subscription(destination=self.topic, durable_name=name, prefetch=_PREFETCH)
            )
            self._connection, self._failures, self.is_connected = connection, 0, True
            connected()
            while not self._is_closed.is_set():
                yield from inbox.next_batch(_PREFETCH, _TICK_SECONDS)
                if inbox.lost_because or connection.is_silent():
                    raise BrokerUnavailable(inbox.lost_because or "the broker is silent")

    def _acknowledge(self, deliveries: list[Delivery]) -> None:
        connection = self._connection
        if connection is None or not deliveries:
            return
        try:
            connection.acknowledge(deliveries)
        except BrokerUnavailable:
            return  # they come again, and change nothing more

    def _lost(self, reason: str) -> None:
        """Note that the connection is gone, and pause before the next one."""
        self._connection, self.is_connected = None, False
        with self._lock:
            self._open.clear()  # by a new connection they cannot be acknowledged
        self._failures += 1
        if self._failures == 1 and not self._is_closed.is_set():
            self.report(reason)
        self._is_closed.wait(self._pauses.pause_seconds(self._failures))


def _body_of(delivery: Delivery) -> dict[str, Any] | None:
    """The message; None where it is none."""
    try:
        body = json.loads(delivery.body)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None
