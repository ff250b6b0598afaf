"""Hands over what is due: for each channel one at a time, as fast as it may be, through outages."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy import Engine
from sqlalchemy.orm import Session
from tenacity import Retrying, retry_if_exception_type, stop_when_event_set, wait_exponential

from blocks.back_off import BackOff
from blocks.notification_channel.delivery import Order, deliver
from blocks.notification_channel.errors import (
    ChannelRefused,
    ChannelUnavailable,
    ChannelUnknown,
)
from blocks.notification_channel.url_file import read_url
from deployments.isolation import outlived
from deployments.stack.environment import api_url
from flows.common.database import now, transaction
from flows.common.database_errors import DatabaseUnavailable
from flows.common.settings import Settings
from flows.notifications.domain import pages, texts
from flows.notifications.domain.pacing import next_turn, summary_of
from flows.notifications.domain.texts import Message, Told
from flows.notifications.domain.words import ChannelKind, DeliveryState
from flows.notifications.models import Channel, Notification
from flows.notifications.repository import channels, outbox
from flows.notifications.repository.outbox import Group

_AT_A_TIME: Final = 4

_log = structlog.get_logger("notifier")


def directory_of(settings: Settings) -> Path:
    """Where the files of channels of the kind `file` are."""
    return settings.stack.state_dir / "notifications"


def pages_address(settings: Settings) -> str:
    """The address that messages link below."""
    return settings.notifications.monitor_url or api_url(settings)


@dataclass
class Deliverer:
    """Delivers notifications; one at a time on one database.

    Attributes:
        settings: The settings.
        engine: The database.
        stopping: Set when it is to end, with what it has begun done.
    """

    settings: Settings
    engine: Engine
    stopping: threading.Event = field(default_factory=threading.Event)
    _pool: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(_AT_A_TIME, thread_name_prefix="delivery")
    )
    _busy: set[Group] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start_due(self) -> None:
        """Begin a delivery to each channel that has something due, and is not being delivered to.

        Raises:
            DatabaseUnavailable: Nobody knows what is due.
        """
        with transaction(self.engine) as session:
            due = outbox.groups_due(session, now())
        for group in due:
            with self._lock:
                if group in self._busy:
                    continue
                self._busy.add(group)
            self._pool.submit(self._run, group)

    def close(self) -> None:
        """Wait for what has begun; each is bounded in time."""
        self._pool.shutdown(cancel_futures=True)

    def _run(self, group: Group) -> None:
        try:
            # What cannot be noted stays as being handed over, and is unknown to the next start.
            with outlived("a delivery could not be begun, or its outcome not be noted"):
                while not self.stopping.is_set() and self.deliver_next(group):
                    pass
        finally:
            with self._lock:
                self._busy.discard(group)

    def deliver_next(self, group: Group) -> bool:
        """Hand over what is next in a group; gives whether something was taken.

        Raises:
            DatabaseUnavailable: What became of it could not be noted.
        """
        begun = self._begin(group)
        if begun is None:
            return False
        try:
            self._hand_over(group, begun)
        except ChannelUnavailable as error:
            self._put_off(group, begun, str(error))
            return False
        except ChannelRefused as error:
            self._end(group, begun, DeliveryState.FAILED, str(error))
            return True
        except ChannelUnknown as error:
            self._end(group, begun, DeliveryState.UNKNOWN, str(error))
            return True
        self._end(group, begun, DeliveryState.SENT)
        return True

    # -------------------------------------------------------------- what is next

    def _begin(self, group: Group) -> Notification | None:
        """Note that the next is being handed over, in the transaction that makes its summary."""
        with transaction(self.engine) as session:
            at = now()
            room = self._a_minute(session, group)
            room -= outbox.begun_in_the_last_minute(session, group, at)
            found = outbox.waiting(session, group)
            backlog_seconds = self.settings.notifications.backlog_seconds
            turn = next_turn(found, room=room, now=at, backlog_seconds=backlog_seconds)
            if not turn.ids:
                return None
            chosen = turn.ids[0]
            if turn.is_summary:
                held = [each for each in found if each.id in set(turn.ids)]
                chosen = outbox.hold(session, group, turn.ids, summary_of(held), at)
            return outbox.begin(session, chosen, at)

    def _a_minute(self, session: Session, group: Group) -> int:
        if group.channel_id is None:
            return self.settings.notifications.address_a_minute
        channel = session.get(Channel, group.channel_id)
        return 0 if channel is None else channel.a_minute

    # -------------------------------------------------------------- handing over

    def _hand_over(self, group: Group, begun: Notification) -> None:
        with transaction(self.engine) as session:
            through = group.channel_id
            if through is None:
                name = self.settings.notifications.mail_channel
                through = outbox.mail_channel(session, name)
            found = None if through is None else channels.url_file(session, through)
        if found is None:
            raise ChannelUnavailable(
                "there is no channel of the kind mail to reach users' own addresses by: "
                "`prodops notify channel add`, or name one in PRODOPS_NOTIFICATIONS_MAIL_CHANNEL"
            )
        kind, path = found
        message = message_of(begun, base_url=pages_address(self.settings))
        order = Order(
            kind=kind.value,
            url=read_url(path),
            title=message.title,
            plain=message.plain,
            markdown=_markup(message, kind),
            key=f"prodops.notification.{begun.id}",
            address=begun.address or "",
            seconds=self.settings.notifications.timeout_seconds,
            is_local_allowed=self.settings.notifications.allow_local_addresses,
        )
        hand_over(order, self.settings)

    # -------------------------------------------------------------- what became of it

    def _end(
        self, group: Group, begun: Notification, state: DeliveryState, error: str | None = None
    ) -> None:
        if error is not None:
            _log.warning("a notification was not delivered", id=begun.id, to=begun.recipient,
                         state=state.value, reason=error)  # fmt: skip

        def note(session: Session) -> None:
            outbox.end(session, begun.id, state, at=now(), error=error)
            self._note(session, group, error)

        self._write(note)

    def _put_off(self, group: Group, begun: Notification, error: str) -> None:
        """Try it again later, until it is too old."""
        configured = self.settings.notifications
        at = now()
        if at - begun.at > timedelta(days=configured.retry_days):
            text = f"{error}; tried for {configured.retry_days:g} days"
            self._end(group, begun, DeliveryState.FAILED, text)
            return
        pauses = BackOff(first_seconds=1.0, longest_seconds=configured.longest_pause_seconds)
        not_before: datetime = at + timedelta(seconds=pauses.pause_seconds(begun.tries))

        def note(session: Session) -> None:
            outbox.end(
                session, begun.id, DeliveryState.PENDING,
                at=at, error=error, not_before=not_before,
            )  # fmt: skip
            self._note(session, group, error)

        self._write(note)

    def _write(self, note: Callable[[Session], None]) -> None:
        """Note an outcome, through an outage of the database: only this thread knows it."""
        for attempt in Retrying(
            retry=retry_if_exception_type(DatabaseUnavailable),
            wait=wait_exponential(multiplier=0.2, max=2.0),
            stop=stop_when_event_set(self.stopping),
            reraise=True,
        ):
            with attempt, transaction(self.engine) as session:
                note(session)

    def _note(self, session: Session, group: Group, error: str | None) -> None:
        """Note at the channel how it took its last message."""
        if group.channel_id is None:
            return
        if error is None:
            channels.note_sent(session, group.channel_id)
        else:
            channels.note_failed(session, group.channel_id, error)


def message_of(row: Notification, *, base_url: str) -> Message:
    """The message of a notification's row."""
    is_summary = row.what is None
    body = dict(row.body)
    if is_summary:
        link = pages.held(row.id)
        body["links"] = [{"text": link.text, "href": link.path}]
    told = Told(
        name=row.name, outcome=str(row.outcome), subject=row.subject,
        title=row.title, body=body, is_summary=is_summary,
    )  # fmt: skip
    return texts.message_of(told, base_url=base_url)


def _markup(message: Message, kind: ChannelKind) -> str:
    match kind:
        case ChannelKind.SLACK:
            return message.slack
        case ChannelKind.APPRISE:
            return message.quoted
        case _:
            return message.markdown


def hand_over(order: Order, settings: Settings) -> None:
    """Deliver a message; raises as :func:`blocks.notification_channel.delivery.deliver` does."""
    # Prefect's blocks are used without its server.
    environment = {"PREFECT_HOME": str(settings.stack.state_dir / "prefect"), "DO_NOT_TRACK": "1"}
    deliver(order, directory=directory_of(settings), environment=environment)
