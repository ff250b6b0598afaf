"""One connection to the broker; it does not reconnect: whoever holds it makes another.

stomp.py's thread calls the listener. Bodies stay bytes: one that is no UTF-8 would end that thread.
"""

from __future__ import annotations

import logging
import socket
import ssl
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final, Protocol, Self

import stomp
from stomp.exception import StompException

from blocks import outside_calls
from blocks.message_broker.access import BrokerAccess
from blocks.message_broker.errors import BrokerRefused, BrokerUnavailable
from blocks.message_broker.frames import PREFIXES, Delivery, Outgoing, Subscription
from blocks.outside_calls import System

_SILENCE: Final = 2.5  # a broker that says nothing for so many heartbeats is away
_NEVER: Final = 1_000_000.0
_MS: Final = 1000

# What it logs is raised or told to the listener as well.
logging.getLogger("stomp.py").setLevel(logging.CRITICAL)


class Listener(Protocol):
    """Who is told what comes; called by stomp.py's thread, which waits for it."""

    def received(self, delivery: Delivery) -> None:
        """A message came."""

    def lost(self, reason: str) -> None:
        """The connection broke, or the broker said that something is wrong."""


class BrokerConnection:
    """A connection to the broker, from :meth:`open` to :meth:`close`. Threads may share it."""

    def __init__(self, access: BrokerAccess, listener: Listener) -> None:
        self._access = access
        self._callbacks = _Callbacks(listener)
        beat = round(_MS * access.heartbeat_seconds)
        self._stomp = stomp.Connection12(
            [(access.host, access.port)],
            try_loopback_connect=False,
            prefer_localhost=False,
            reconnect_attempts_max=1,
            heartbeats=(beat, beat),
            # Its own end of a silent TLS connection waits for the broker: `is_silent` is ours.
            heart_beat_receive_scale=_NEVER,
            timeout=access.answer_seconds,
            vhost=access.host,
            auto_decode=False,
            # With the header, Artemis makes it a BytesMessage, which JMS readers cannot read.
            auto_content_length=False,
        )
        self._destinations = self._callbacks.destinations

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ------------------------------------------------------------------ its life

    def open(self) -> None:
        """Connect and log in.

        Raises:
            BrokerRefused: The broker does not take the login, or the client id is in use.
            BrokerUnavailable: It does not answer.
            BadLogin: The login file cannot be used.
        """
        with outside_calls.counted(System.BROKER):
            self._open()

    def _open(self) -> None:
        login = self._access.login()
        self._set_tls()
        self._stomp.set_listener("callbacks", self._callbacks)
        own = {"client-id": self._access.client_id} if self._access.client_id else {}
        try:
            self._stomp.connect(*(login or ()), headers=own)
        except (StompException, OSError) as error:
            self.close()
            text = f"the broker {self._access.place} cannot be reached: {_hindrance(self._access)}"
            raise BrokerUnavailable(text) from error
        if not self._callbacks.answered.wait(self._access.answer_seconds):
            self.close()
            raise BrokerUnavailable(f"the broker {self._access.place} does not answer")
        if (reason := self._callbacks.reason) is not None:
            self.close()
            raise BrokerRefused(f"the broker {self._access.place} refuses: {reason}")
        self._unlimited()

    def close(self) -> None:
        """Drop the connection, without a word more to the listener."""
        self._callbacks.is_closed = True
        transport = self._stomp.transport
        transport.running = False
        # No graceful DISCONNECT, nor TLS's: a broker that hangs would answer neither.
        if (ours := transport.socket) is not None:
            with suppress(OSError):
                ours.shutdown(socket.SHUT_RDWR)
        transport.disconnect_socket()

    def is_silent(self) -> bool:
        """Whether the broker has said nothing for longer than its heartbeats allow."""
        silence = time.monotonic() - self._callbacks.heard_at
        return silence > _SILENCE * self._access.heartbeat_seconds

    # ------------------------------------------------------------------ in

    def subscribe(self, wanted: Subscription) -> None:
        """Subscribe; every message is to be acknowledged by itself.

        Raises:
            ValueError: The destination says neither queue nor topic.
            BrokerUnavailable: The broker did not confirm it.
        """
        key = str(len(self._destinations) + 1)
        self._destinations[key] = _explicit(wanted.destination)
        with self._confirmed(f"subscribe {wanted.destination}") as receipt:
            self._stomp.subscribe(
                wanted.destination,
                id=key,
                ack="client-individual",
                headers=wanted.headers() | {"receipt": receipt},
            )

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Acknowledge messages that came by this connection.

        Raises:
            BrokerUnavailable: The connection broke; what was not acknowledged comes again.
        """
        with self._translated("broke"):
            for delivery in deliveries:
                self._stomp.ack(delivery.ack_id)

    # ------------------------------------------------------------------ out

    def send(self, message: Outgoing) -> None:
        """Send a message, without waiting for the broker.

        Raises:
            BrokerUnavailable: The connection broke; the message may have been sent.
        """
        outside_calls.count_message("sent")
        with self._translated("broke"):
            headers = dict(message.headers)
            self._stomp.send(_explicit(message.destination), message.body, headers=headers)

    def send_all(self, messages: Sequence[Outgoing]) -> None:
        """Send messages, and wait until the broker has them all.

        Raises:
            BrokerUnavailable: The connection broke; some of them may have been sent.
        """
        if messages:
            with outside_calls.counted(System.BROKER):
                self._send_all(messages)

    def _send_all(self, messages: Sequence[Outgoing]) -> None:
        for message in messages[:-1]:
            self.send(message)
        last = messages[-1]
        outside_calls.count_message("sent")
        # A connection's frames are handled in order, so the last one's receipt stands for all.
        with self._confirmed(f"send to {last.destination}") as receipt, self._translated("broke"):
            headers = dict(last.headers) | {"receipt": receipt}
            self._stomp.send(_explicit(last.destination), last.body, headers=headers)

    def move(self, deliveries: Sequence[Delivery], destination: str) -> None:
        """Send messages on to another destination, unchanged, and acknowledge them: all or none.

        Raises:
            BrokerUnavailable: The connection broke, or the broker refused; either none is moved,
                and all come again, or all are.
        """
        with self._confirmed(f"move to {destination}") as receipt, self._translated("broke"):
            transaction = self._stomp.begin()
            for each in deliveries:
                # What had a content-length is a message of bytes for JMS readers, and stays one.
                headers = each.own_headers() | {"persistent": "true", "transaction": transaction}
                self._stomp.send(_explicit(destination), each.body, headers=headers)
                self._stomp.ack(each.ack_id, transaction=transaction)
            self._stomp.commit(transaction, headers={"receipt": receipt})

    # ------------------------------------------------------------------ helpers

    def _set_tls(self) -> None:
        if not self._access.has_tls:
            return
        own = self._access
        self._stomp.set_ssl(
            [(own.host, own.port)],
            ca_certs=None if own.ca_file is None else str(own.ca_file),
            cert_file=None if own.certificate_file is None else str(own.certificate_file),
            key_file=None if own.key_file is None else str(own.key_file),
            ssl_version=ssl.PROTOCOL_TLS_CLIENT,
            verify=True,
        )

    def _unlimited(self) -> None:
        """From here on heartbeats say whether the broker is there, not a limit of the socket."""
        transport = self._stomp.transport
        if transport.socket is not None and transport.blocking:
            transport.socket.settimeout(None)

    @contextmanager
    def _confirmed(self, what: str) -> Iterator[str]:
        """A receipt's id, to be sent with a frame; at the end it has come.

        Raises:
            BrokerUnavailable: It has not.
        """
        receipt = uuid.uuid4().hex
        arrived = self._callbacks.receipts[receipt] = threading.Event()
        try:
            with self._translated("broke"):
                yield receipt
            if not arrived.wait(self._access.answer_seconds):
                raise BrokerUnavailable(f"the broker {self._access.place} did not confirm: {what}")
            if (reason := self._callbacks.reason) is not None:
                raise BrokerUnavailable(f"the broker {self._access.place}: {reason} ({what})")
        finally:
            self._callbacks.receipts.pop(receipt, None)

    @contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        try:
            yield
        except (StompException, OSError) as error:
            reason = self._callbacks.reason or str(error) or type(error).__name__
            text = f"the broker {self._access.place} {what}: {reason}"
            raise BrokerUnavailable(text) from error


class _Callbacks(stomp.ConnectionListener):  # type: ignore[misc]
    """stomp.py's callbacks, as a listener of ours takes them; none of them raises."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self.destinations: dict[str, str] = {}
        self.receipts: dict[str, threading.Event] = {}
        self.answered = threading.Event()
        self.reason: str | None = None
        self.is_closed = False
        self.heard_at = time.monotonic()

    def on_connected(self, _frame: Any) -> None:
        self.heard_at = time.monotonic()
        self.answered.set()

    def on_heartbeat(self) -> None:
        self.heard_at = time.monotonic()

    def on_message(self, frame: Any) -> None:
        outside_calls.count_message("received")
        self.heard_at = time.monotonic()
        headers = frame.headers
        destination = self.destinations.get(headers.get("subscription", ""), "")
        body = frame.body if isinstance(frame.body, bytes) else str(frame.body).encode()
        ack_id = headers.get("ack", "")
        message_id = headers.get("message-id", "")
        self._listener.received(Delivery(destination, message_id, ack_id, headers, body))

    def on_receipt(self, frame: Any) -> None:
        self.heard_at = time.monotonic()
        if (waiting := self.receipts.get(frame.headers.get("receipt-id", ""))) is not None:
            waiting.set()

    def on_error(self, frame: Any) -> None:
        body = frame.body.decode(errors="replace") if isinstance(frame.body, bytes) else frame.body
        first = str(body).strip().splitlines()[:1]
        self._end(" ".join([frame.headers.get("message", ""), *first]).strip() or "an error")

    def on_disconnected(self) -> None:
        self._end("the connection broke")

    def _end(self, reason: str) -> None:
        is_first = self.reason is None
        self.reason = self.reason or reason[:500]
        self.answered.set()
        for waiting in list(self.receipts.values()):
            waiting.set()
        if is_first and not self.is_closed:
            self._listener.lost(self.reason)


def _hindrance(access: BrokerAccess) -> str:
    """Why no connection can be made, which stomp.py only logs."""
    place = (access.host, access.port)
    try:
        with socket.create_connection(place, access.answer_seconds) as plain:
            if not access.has_tls:
                return "it closed the connection"
            cafile = None if access.ca_file is None else str(access.ca_file)
            context = ssl.create_default_context(cafile=cafile)
            with context.wrap_socket(plain, server_hostname=access.host):
                return "it closed the connection"
    except OSError as error:
        return str(error) or type(error).__name__


def _explicit(destination: str) -> str:
    if not destination.startswith(PREFIXES):
        raise ValueError(f"destination {destination!r} must begin with /queue/ or /topic/")
    return destination
