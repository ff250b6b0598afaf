"""A peer on the message bus, by stomp.py alone and in the way of the original agents.

STOMP 1.1, a client-id, heart-beats of 30 s, and messages with the header `destination` only and
without a content-length (fastmon contract section 1.1).
"""

from __future__ import annotations

import json
import queue
import socket
import ssl
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Self

import stomp

from deployments.sandbox.broker.access import AGENT_USER
from tests.broker import BrokerAddress
from tests.waiting import PATIENCE

HEARTBEATS_MS = (30_000, 30_000)


@dataclass(frozen=True)
class Received:
    """A message as it came."""

    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def message(self) -> Any:
        """The body, parsed as JSON."""
        return json.loads(self.body)


class PeerLost(Exception):
    """The broker refused the connection, or it broke; what the broker said of it."""


class Peer:
    """A connection of one peer, from its making until :meth:`close` or :meth:`drop`.

    Args:
        broker: Where it connects.
        client_id: The agent's name; unset: none, as senders connect.
        user: By whose password it logs in.
        password: Another password than the user's own.
        has_tls: Whether it connects to the port with TLS.
        heartbeats_ms: What it promises to send, and wants to get.

    Raises:
        PeerLost: The broker refuses, with its reason.
    """

    def __init__(
        self,
        broker: BrokerAddress,
        client_id: str | None = None,
        *,
        user: str = AGENT_USER,
        password: str | None = None,
        has_tls: bool = False,
        heartbeats_ms: tuple[int, int] = HEARTBEATS_MS,
    ) -> None:
        place = (broker.host, broker.tls_port if has_tls else broker.port)
        self._listener = _Listener()
        self._connection = stomp.Connection11(
            [place],
            vhost=broker.host,
            try_loopback_connect=False,
            reconnect_attempts_max=1,
            heartbeats=heartbeats_ms,
            auto_content_length=False,
            auto_decode=False,  # a body that is not UTF-8 would end stomp.py's thread
        )
        if has_tls:
            self._connection.set_ssl(
                [place], ca_certs=str(broker.ca_file), ssl_version=ssl.PROTOCOL_TLS_CLIENT
            )
        self._connection.set_listener("peer", self._listener)
        try:
            self._connect(user, password or broker.password(user), client_id)
        except BaseException:
            self.drop()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ------------------------------------------------------------------ out

    def publish(
        self,
        destination: str,
        body: Any,
        *,
        is_confirmed: bool = False,
        **headers: str,
    ) -> None:
        """Send a message: text and bytes as they are, anything else as JSON.

        Args:
            destination: `/queue/...` or `/topic/...`; without a prefix Classic takes a queue.
            body: What to send.
            is_confirmed: Whether to wait until the broker has it.
            headers: More headers, e.g. ``persistent="true"``: without it a killed broker forgets.
        """
        content = body if isinstance(body, str | bytes) else json.dumps(body)
        if is_confirmed:
            with self._listener.receipt() as receipt:
                self._connection.send(destination, content, headers=headers | {"receipt": receipt})
        else:
            self._connection.send(destination, content, headers=headers)

    # ------------------------------------------------------------------ in

    def subscribe(
        self,
        destination: str,
        *,
        ack: str = "auto",
        durable_name: str | None = None,
        **headers: str,
    ) -> None:
        """Subscribe, and wait until the broker has it; a durable one needs a client-id."""
        if durable_name is not None:
            headers["activemq.subscriptionName"] = durable_name
        with self._listener.receipt() as receipt:
            wanted = headers | {"receipt": receipt}
            self._connection.subscribe(destination, id=destination, ack=ack, headers=wanted)

    def unsubscribe(self, destination: str, *, durable_name: str | None = None) -> None:
        """End a subscription; with its name a durable one too."""
        headers = {} if durable_name is None else {"activemq.subscriptionName": durable_name}
        with self._listener.receipt() as receipt:
            self._connection.unsubscribe(destination, headers=headers | {"receipt": receipt})

    def receive(self, seconds: float = PATIENCE) -> Received:
        """The next message; an error when none comes in time.

        Raises:
            PeerLost: The connection broke before it came.
        """
        return self._listener.next(seconds)

    def receive_many(self, count: int, seconds: float = PATIENCE) -> list[Received]:
        """The next so many messages, each within that time."""
        return [self.receive(seconds) for _ in range(count)]

    def received_before(self, destination: str) -> list[Received]:
        """What came before a message that is sent to `destination` now and comes back.

        What was confirmed to another sender before this call has come by then, or does not come.
        """
        marker = uuid.uuid4().hex
        self.publish(destination, marker)
        found = []
        while (received := self.receive()).body != marker.encode():
            found.append(received)
        return found

    def acknowledge(self, received: Received) -> None:
        """Acknowledge a message of a subscription with ``ack="client-individual"``."""
        headers = received.headers
        with self._listener.receipt() as receipt:
            self._connection.ack(headers["message-id"], headers["subscription"], receipt=receipt)

    def reject(self, received: Received) -> None:
        """Reject a message: Classic puts it into the dead letter queue at once."""
        headers = received.headers
        with self._listener.receipt() as receipt:
            self._connection.nack(headers["message-id"], headers["subscription"], receipt=receipt)

    # ------------------------------------------------------------------ its end

    def wait_lost(self, seconds: float = PATIENCE) -> None:
        """Wait until the connection is broken."""
        assert self._listener.ended.wait(seconds), f"still connected after {seconds:g} s"

    def be_silent(self) -> None:
        """Break the promise of heart-beats."""
        self._connection.heartbeat_terminate_event.set()

    def close(self) -> None:
        """Say good-bye, and wait until the broker knows; harmless where the connection is lost."""
        self._connection.disconnect()  # with a receipt, by which stomp.py closes the socket
        self.wait_lost()

    def drop(self) -> None:
        """Break the connection as a killed peer does."""
        transport = self._connection.transport
        transport.running = False
        if (connected := transport.socket) is not None:
            with suppress(OSError):  # it may be lost already
                connected.shutdown(socket.SHUT_RDWR)

    def _connect(self, user: str, password: str, client_id: str | None) -> None:
        own = {} if client_id is None else {"client-id": client_id}
        try:
            self._connection.connect(user, password, headers=own)
        except stomp.exception.StompException as error:
            raise PeerLost(str(error) or type(error).__name__) from error
        assert self._listener.answered.wait(PATIENCE), "the broker does not answer"
        if self._listener.reason is not None:
            raise PeerLost(self._listener.reason)


class _Listener(stomp.ConnectionListener):
    """stomp.py's thread tells it what comes."""

    def __init__(self) -> None:
        self.answered, self.ended = threading.Event(), threading.Event()
        self.reason: str | None = None
        self._inbox: queue.Queue[Received | None] = queue.Queue()
        self._receipts: dict[str, threading.Event] = {}

    def next(self, seconds: float) -> Received:
        try:
            received = self._inbox.get(timeout=seconds)
        except queue.Empty:
            raise AssertionError(f"no message within {seconds:g} s") from None
        if received is None:
            self._inbox.put(None)  # for the next call
            raise PeerLost(self.reason)
        return received

    @contextmanager
    def receipt(self) -> Iterator[str]:
        """A receipt's id, to be sent with a frame; at the end it has come."""
        name = uuid.uuid4().hex
        arrived = self._receipts[name] = threading.Event()
        yield name
        if self.ended.is_set():
            arrived.set()
        assert arrived.wait(PATIENCE), "the broker does not confirm"
        if self._receipts.pop(name, None) is not None:
            raise PeerLost(self.reason)

    def on_connected(self, _frame: Any) -> None:
        self.answered.set()

    def on_message(self, frame: Any) -> None:
        self._inbox.put(Received(frame.headers, frame.body))

    def on_receipt(self, frame: Any) -> None:
        if (arrived := self._receipts.pop(frame.headers["receipt-id"], None)) is not None:
            arrived.set()

    def on_error(self, frame: Any) -> None:
        self._wake(frame.headers.get("message") or frame.body.decode(errors="replace"))

    def on_disconnected(self) -> None:
        self.ended.set()
        self._inbox.put(None)
        self._wake("the connection broke")

    def _wake(self, reason: str) -> None:
        self.reason = self.reason or reason
        self.answered.set()
        for arrived in list(self._receipts.values()):
            arrived.set()
