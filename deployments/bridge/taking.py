"""Deliveries into the database: many in one transaction, each once, a bad one alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import Any, Final

import structlog
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from blocks import tracing
from blocks.message_broker.frames import Delivery
from blocks.tracing import SpanKind
from deployments.bridge.reading import Read, Unusable, read
from deployments.isolation import is_outage
from flows.common import events
from flows.common.callers import BUS, on_bus
from flows.common.database import now, transaction
from flows.common.events import NewEvent
from flows.common.settings.bus import BusSettings
from flows.fastmon import intake
from flows.fastmon.intake import Incoming
from flows.messages import repository
from flows.messages.models import SetAsideState
from flows.messages.repository import SetAside

INSTANCE_HEADER: Final = "prodops_instance"
"""The header by which a bridge knows its own messages."""
_RETRIES: Final = 50  # messages that were set aside, taken again before what comes is looked at

_log = structlog.get_logger("bridge")
Command = Callable[[Session, Read], Sequence[NewEvent]]
"""Does what a message of a queue asks for; gives the events that answer it now."""


@dataclass(frozen=True)
class Taker:
    """Takes deliveries in.

    Attributes:
        engine: The database.
        configured: The settings of the bus.
        instance: Who we are on the bus: what bears it is our own echo.
        queues: What is done with the messages of each queue; other destinations are topics.
    """

    engine: Engine
    configured: BusSettings
    instance: str
    queues: dict[str, Command]

    def take(self, deliveries: Sequence[Delivery]) -> None:
        """Store the deliveries; each that cannot be used is set aside, and hinders no other.

        Raises:
            DatabaseUnavailable: None of the rest is stored; they are to be taken again.
        """
        try:
            with transaction(self.engine) as session:
                self._store(session, deliveries)
        except Exception as error:
            if is_outage(error):
                raise
            if len(deliveries) > 1:
                # One of them cannot be stored: alone, the others can.
                for delivery in deliveries:
                    self.take([delivery])
                return
            _log.error("a message cannot be stored", exc_info=error)
            self._set_aside_alone(deliveries[0], error)

    def taken_before(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """Those that were taken already: the broker did not hear it.

        Raises:
            DatabaseUnavailable: Nobody knows.
        """
        by_digest = {_digest(each): each for each in deliveries}
        with transaction(self.engine) as session:
            seen = repository.seen_among(session, list(by_digest))
        return [each for digest, each in by_digest.items() if digest in seen]

    def take_again(self) -> None:
        """Take what was set aside and is to be taken again; what fails again is open again.

        Raises:
            DatabaseUnavailable: What is not taken yet is taken the next time.
        """
        for _ in range(_RETRIES):
            if not self._take_one_again():
                return

    def _take_one_again(self) -> bool:
        """Take one, in a transaction of its own; gives whether there was one."""
        key: int | None = None
        try:
            with transaction(self.engine) as session:
                row = repository.to_retry(session)
                if row is None:
                    return False
                key = row.id
                delivery = Delivery(row.destination, row.message_id, "", {}, row.body)
                announced: Sequence[NewEvent] = ()
                try:
                    announced = self._again(session, delivery, now())
                    row.state = SetAsideState.RETRIED
                except Unusable as reason:
                    row.state, row.reason = SetAsideState.OPEN, str(reason)
                events.commit(session, announced)
        except Exception as error:
            if key is None or is_outage(error):
                raise
            _log.error("a message cannot be stored", exc_info=error)
            with transaction(self.engine) as session:
                repository.open_again(session, key, _cannot_be_stored(error))
        return True

    def _again(self, session: Session, delivery: Delivery, at: datetime) -> Sequence[NewEvent]:
        found = self._read(delivery)
        if (command := self.queues.get(delivery.destination)) is not None:
            return _obeyed(command, session, found)
        if found.problem:
            raise Unusable(found.problem)
        return self._relayed(session, [found], at)

    # ------------------------------------------------------------------ one batch

    def _store(self, session: Session, deliveries: Sequence[Delivery]) -> None:
        at = now()
        aside: list[SetAside] = []
        messages: list[Read] = []
        announced: list[NewEvent] = []
        for delivery in self._unseen(session, deliveries, at):
            try:
                found = self._read(delivery)
                if (command := self.queues.get(delivery.destination)) is None:
                    messages.append(found)
                else:
                    announced += _obeyed(command, session, found)
            except Unusable as reason:
                aside.append(_set_aside(delivery, str(reason), self.configured))
        aside += [
            _set_aside(each.delivery, each.problem, self.configured)
            for each in messages
            if each.problem
        ]
        repository.set_aside(session, aside, at)
        events.commit(session, [*self._relayed(session, messages, at), *announced])

    def _unseen(
        self, session: Session, deliveries: Sequence[Delivery], at: datetime
    ) -> list[Delivery]:
        """Those that are not our own and were not taken before, each once, in order."""
        by_digest: dict[bytes, Delivery] = {}
        for each in deliveries:
            if each.headers.get(INSTANCE_HEADER) != self.instance:
                by_digest.setdefault(_digest(each), each)
        if not by_digest:
            return []
        unseen = repository.note_seen(session, by_digest, at)
        return [each for digest, each in by_digest.items() if digest in unseen]

    def _read(self, delivery: Delivery) -> Read:
        return read(delivery, most_bytes=self.configured.message_bytes)

    def _relayed(self, session: Session, messages: Sequence[Read], at: datetime) -> list[NewEvent]:
        """Do what messages of the topic bring about; gives the events that relay them."""
        caller = on_bus("", self.configured.scopes)
        relayed: list[NewEvent] = []
        for asked, group in groupby(messages, _trace_of):  # all at once, where none has a trace
            together = list(group)
            incoming = [Incoming(each.body, each.message, caller) for each in together]
            with nullcontext() if asked is None else _received(together[0], asked):
                intake.bring_about(session, incoming, at=at, source=BUS)
                relayed += [_relay(each, at) for each in together]
        return relayed

    def _set_aside_alone(self, delivery: Delivery, error: Exception) -> None:
        reason = _cannot_be_stored(error)
        with transaction(self.engine) as session:
            self._unseen(session, [delivery], now())
            repository.set_aside(session, [_set_aside(delivery, reason, self.configured)], now())


def _digest(delivery: Delivery) -> bytes:
    return repository.digest_of(delivery.destination, delivery.message_id, delivery.body)


def _obeyed(command: Command, session: Session, found: Read) -> Sequence[NewEvent]:
    """Do what a message of a queue asks for, in its trace where it names one."""
    with _received(found, _trace_of(found)):
        return command(session, found)


def _trace_of(message: Read) -> str | None:
    """The trace that a message names, where traces are on."""
    asked = message.delivery.headers.get("traceparent")
    return asked if tracing.is_on() and tracing.is_traceparent(asked) else None


def _received(message: Read, asked: str | None) -> AbstractContextManager[Any]:
    """A span of what a message brings about, in its trace; without one, a trace begins."""
    name = f"receive {message.delivery.destination}"
    return tracing.span(name, SpanKind.CONSUMER, parent=asked)


def _relay(message: Read, at: datetime) -> NewEvent:
    """The event of a message of the topic; what cannot be a column is none."""
    run_id = message.message.run_id
    traced = {} if (trace := tracing.trace_id()) is None else {"trace_id": trace}
    return replace(
        events.message_event(traced | message.body, at=at),
        namespace=message.message.namespace,
        run_id=None if run_id is None else str(run_id),
        processed_by=message.message.processed_by,
        execution_id=message.message.execution_id,
        origin=BUS,
    )


def _cannot_be_stored(error: Exception) -> str:
    return f"it cannot be stored: {type(error).__name__}: {error}"


def _set_aside(delivery: Delivery, reason: str, configured: BusSettings) -> SetAside:
    return SetAside(
        destination=delivery.destination,
        message_id=delivery.message_id,
        body=delivery.body,
        reason=reason,
        is_too_large=len(delivery.body) > configured.message_bytes,
    )
