"""One connection's life: subscribed, taking what comes, publishing what is new, until it breaks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeVar

import structlog
from tenacity import Retrying, retry_if_exception_type, stop_when_event_set, wait_exponential

from blocks.errors import OutsideUnavailable, ProdOpsError
from blocks.message_broker.access import BrokerAccess
from blocks.message_broker.connection import BrokerConnection
from blocks.message_broker.errors import BrokerUnavailable
from blocks.message_broker.frames import Delivery, Subscription
from blocks.message_broker.inbox import Inbox
from deployments.bridge.control import Control
from deployments.bridge.passing import Passing
from deployments.bridge.publishing import Publisher
from deployments.bridge.taking import Taker
from deployments.service_manager.notification import service_manager
from flows.common import events
from flows.common.database_errors import DatabaseUnavailable
from flows.common.notifications import NotificationListener

_BATCH: Final = 500
_TICK_SECONDS: Final = 0.5
_LOOK_SECONDS: Final = 2.0

T = TypeVar("T")

_log = structlog.get_logger("bridge")


class AnotherBridgeWorks(ProdOpsError):
    """Of several bridges on one database, another is the one that works."""


@dataclass
class Session:
    """What a connection is used for.

    Attributes:
        access: The broker.
        subscriptions: What is taken from it.
        taker: Takes deliveries in.
        passing: Says which are passed on to another queue instead.
        publisher: Publishes events; None: nothing is published.
        control: Answers control messages.
        stopping: Set when the session is to end, with what it has begun done.
        keep_lock: Sees that this is still the bridge that works.
        round_done: Called after each round of taking, also of one that an outage ended.
    """

    access: BrokerAccess
    subscriptions: Sequence[Subscription]
    taker: Taker
    passing: Passing
    publisher: Publisher | None
    control: Control
    stopping: threading.Event
    keep_lock: Callable[[], None]
    round_done: Callable[[], None] = lambda: None
    _failure: list[Exception] = field(default_factory=list)

    def run(self, on_subscribed: Callable[[], None]) -> None:
        """Work until it is to stop.

        Raises:
            BrokerUnavailable: The broker cannot be reached, refuses, or the connection broke.
            AnotherBridgeWorks: The lock is another's.
            BadLogin: The login file cannot be used.
        """
        inbox = Inbox(lambda delivery: self.control.is_answered(connection, delivery))
        connection = BrokerConnection(self.access, inbox)
        with connection:
            for wanted in self.subscriptions:
                connection.subscribe(wanted)
            on_subscribed()
            with self._publishing(connection, inbox):
                self._take(connection, inbox)

    def _take(self, connection: BrokerConnection, inbox: Inbox) -> None:
        looked_at = -float("inf")
        while not self.stopping.is_set() and not self.control.is_shut_down.is_set():
            if time.monotonic() - looked_at > _LOOK_SECONDS:
                looked_at = time.monotonic()
                self._look(connection)
            batch = inbox.next_batch(_BATCH, _TICK_SECONDS)
            ours, others = self.passing.divided(batch)
            if ours:
                self._patiently(partial(self.taker.take, ours))
                connection.acknowledge(ours)
            if others:
                self._pass_on(connection, others)
            self.round_done()
            if inbox.lost_because:
                raise BrokerUnavailable(f"the broker {self.access.place}: {inbox.lost_because}")
            if self._failure:
                raise self._failure[0]

    def _look(self, connection: BrokerConnection) -> None:
        """What is due by the clock."""
        if connection.is_silent():
            raise BrokerUnavailable(f"the broker {self.access.place} is silent")
        try:
            self.keep_lock()
            self.taker.take_again()
        except DatabaseUnavailable as error:  # with it away, nobody else takes anything either
            _log.warning("the database is away; messages wait at the broker", reason=str(error))

    def _pass_on(
        self, connection: BrokerConnection, others: Sequence[tuple[Delivery, str]]
    ) -> None:
        """Pass requests on, each with its type; each goes to one side only.

        One that was taken in while its type was ours, and whose acknowledgement was lost, comes
        again: it is acknowledged, and not passed on.
        """
        before = self._patiently(lambda: self.taker.taken_before([each for each, _ in others]))
        connection.acknowledge(before)
        left = [(each, name) for each, name in others if each not in before]
        if left and self.passing.to is not None:
            connection.move([each for each, _ in left], self.passing.to)
            self.passing.note([name for _, name in left])

    def _patiently(self, work: Callable[[], T]) -> T:
        """Do it through an outage of the database; nothing is acknowledged before."""
        for attempt in Retrying(
            retry=retry_if_exception_type(OutsideUnavailable),
            wait=wait_exponential(multiplier=0.2, max=2.0),
            stop=stop_when_event_set(self.stopping),
            reraise=True,
        ):
            with attempt:
                if attempt.retry_state.attempt_number > 1:
                    self.round_done()
                    self.keep_lock()
                return work()
        raise AssertionError("tenacity gives a result or raises")

    @contextmanager
    def _publishing(self, connection: BrokerConnection, inbox: Inbox) -> Iterator[None]:
        """Publish in a thread meanwhile; where that breaks, the session ends with its error."""
        if self.publisher is None:
            yield
            return
        is_over = threading.Event()

        def publish() -> None:
            try:
                self._publish(connection, is_over)
            except Exception as error:  # noqa: BLE001 - raised by the session's own thread
                self._failure.append(error)
                inbox.wake()

        thread = threading.Thread(target=publish, name="publisher")
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            connection.close()  # a send that hangs ends by it
            thread.join()

    def _publish(self, connection: BrokerConnection, is_over: threading.Event) -> None:
        assert self.publisher is not None  # noqa: S101 - only with one is this called
        following = service_manager().watchdog.following("events")
        with NotificationListener(events.CHANNEL) as listener, following as round_done:
            while not is_over.is_set():
                try:
                    if not self.publisher.publish(connection):
                        listener.wait(_TICK_SECONDS)
                except DatabaseUnavailable as error:
                    _log.warning("events wait for the database", reason=str(error))
                    is_over.wait(_TICK_SECONDS)
                round_done()
