"""Hands over what is due: for each channel one at a time, as fast as it may be, through outages.

Users' own addresses share a mail channel, and are one to it: its rate and its outages are theirs.
"""

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
    RecipientPutOff,
    RecipientRefused,
)
from blocks.notification_channel.url_file import read_url
from deployments.isolation import isolated, outlived
from deployments.notifier.orders import order_of
from deployments.notifier.rates import Rates
from deployments.notifier.shared_relay import SharedRelay
from flows.common.database import now, transaction
from flows.common.database_errors import DatabaseUnavailable
from flows.common.settings import Settings
from flows.notifications.domain.pacing import next_turn, summary_of
from flows.notifications.domain.words import DeliveryState
from flows.notifications.models import Notification
from flows.notifications.repository import channels, outbox
from flows.notifications.repository.outbox import Group

_CHANNELS_AT_A_TIME: Final = 4

_Error = ChannelRefused | ChannelUnavailable | ChannelUnknown
_OF_RECIPIENT: Final = (RecipientRefused, RecipientPutOff)

_log = structlog.get_logger("notifier")


def directory_of(settings: Settings) -> Path:
    """Where the files of channels of the kind `file` are."""
    return settings.stack.state_dir / "notifications"


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
    _channels: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(_CHANNELS_AT_A_TIME, "delivery")
    )
    _addresses: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, "delivery-to-addresses")
    )
    _rates: Rates = field(init=False)
    _relay: SharedRelay = field(init=False)
    _busy: set[int | None] = field(default_factory=set)  # channels; None: users' own addresses
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _beginning: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Begin as one to which nothing was away."""
        self._rates = Rates(self.settings.notifications)
        self._relay = SharedRelay(self.settings.notifications.longest_pause_seconds)

    def start_due(self) -> None:
        """Begin a delivery to each channel that has something due, and is not being delivered to.

        Raises:
            DatabaseUnavailable: Nobody knows what is due.
        """
        with transaction(self.engine) as session:
            due = outbox.groups_due(session, now())
        for group in due:
            if group.channel_id is not None:
                self._start(group.channel_id, [group])
        self._start(None, [each for each in due if each.channel_id is None])

    def _start(self, channel_id: int | None, groups: list[Group]) -> None:
        with self._lock:
            if not groups or channel_id in self._busy:
                return
            self._busy.add(channel_id)
        pool = self._addresses if channel_id is None else self._channels
        pool.submit(self._run, channel_id, groups)

    def close(self) -> None:
        """Wait for what has begun; each is bounded in time."""
        for pool in (self._channels, self._addresses):
            pool.shutdown(cancel_futures=True)

    def _run(self, channel_id: int | None, groups: list[Group]) -> None:
        # What cannot be noted stays as being handed over, and is unknown to the next start.
        fault = "a delivery could not be begun, or its outcome not be noted"
        try:
            with outlived(fault):
                for group in groups:
                    with isolated(fault, channel=channel_id, username=group.username):
                        while not self.stopping.is_set() and self.deliver_next(group):
                            pass
        finally:
            with self._lock:
                self._busy.discard(channel_id)

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
            self._put_off(group, begun, error)
            return False
        except ChannelRefused as error:
            self._end(group, begun, DeliveryState.FAILED, error)
            return True
        except ChannelUnknown as error:
            self._end(group, begun, DeliveryState.UNKNOWN, error)
            return True
        self._end(group, begun, DeliveryState.SENT)
        return True

    # -------------------------------------------------------------- what is next

    def _begin(self, group: Group) -> Notification | None:
        """Note that the next is being handed over, in the transaction that makes its summary."""
        if group.channel_id is None and not self._relay.is_open():
            return None
        # One at a time: a mail channel's own messages count with those to addresses.
        with self._beginning, transaction(self.engine) as session:
            at = now()
            through = self._rates.through(session, group)
            if group.channel_id is None and not self._has_room_through(session, through, at):
                return None
            room = self._rates.left_of_group(session, group, at)
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

    def _has_room_through(self, session: Session, channel_id: int | None, at: datetime) -> bool:
        """Whether the channel that users' own addresses share takes more in this minute."""
        if channel_id is None or self._rates.left_of_channel(session, channel_id, at) > 0:
            return True
        self._relay.note_full()
        return False

    # -------------------------------------------------------------- handing over

    def _hand_over(self, group: Group, begun: Notification) -> None:
        with transaction(self.engine) as session:
            through = self._rates.through(session, group)
            found = None if through is None else channels.url_file(session, through)
        if found is None:
            raise ChannelUnavailable(
                "there is no channel of the kind mail to reach users' own addresses by: "
                "`prodops notify channel add`, or name one in PRODOPS_NOTIFICATIONS_MAIL_CHANNEL"
            )
        kind, path = found
        order = order_of(begun, kind=kind, url=read_url(path), settings=self.settings)
        hand_over(order, self.settings)

    # -------------------------------------------------------------- what became of it

    def _end(
        self, group: Group, begun: Notification, state: DeliveryState, error: _Error | None = None
    ) -> None:
        reason = None if error is None else str(error)
        if reason is not None:
            _log.warning("a notification was not delivered", id=begun.id, to=begun.recipient,
                         state=state.value, reason=reason)  # fmt: skip

        def note(session: Session) -> None:
            outbox.end(session, begun.id, state, at=now(), error=reason)
            self._note(session, group, error)

        self._note_relay(group, error)
        self._write(note)

    def _put_off(self, group: Group, begun: Notification, error: ChannelUnavailable) -> None:
        """Try it again later, until it is too old."""
        configured = self.settings.notifications
        at = now()
        if at - begun.at > timedelta(days=configured.retry_days):
            last = type(error)(f"{error}; tried for {configured.retry_days:g} days")
            self._end(group, begun, DeliveryState.FAILED, last)
            return
        pauses = BackOff(first_seconds=1.0, longest_seconds=configured.longest_pause_seconds)
        not_before: datetime = at + timedelta(seconds=pauses.pause_seconds(begun.tries))

        def note(session: Session) -> None:
            outbox.end(
                session, begun.id, DeliveryState.PENDING,
                at=at, error=str(error), not_before=not_before,
            )  # fmt: skip
            self._note(session, group, error)

        self._note_relay(group, error)
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

    def _note(self, session: Session, group: Group, error: _Error | None) -> None:
        """Note at the channel how it took its last message; what is of a user's address is not."""
        channel_id = self._rates.through(session, group)
        if channel_id is None or (group.channel_id is None and isinstance(error, _OF_RECIPIENT)):
            return
        if error is None:
            channels.note_sent(session, channel_id)
        else:
            channels.note_failed(session, channel_id, str(error))

    def _note_relay(self, group: Group, error: _Error | None) -> None:
        """Note whether the relay that users' own addresses share is there."""
        if group.channel_id is not None:
            return
        is_away = isinstance(error, ChannelUnavailable | ChannelUnknown)
        if is_away and not isinstance(error, _OF_RECIPIENT):
            self._relay.note_away()
        else:
            self._relay.note_answered()


def hand_over(order: Order, settings: Settings) -> None:
    """Deliver a message; raises as :func:`blocks.notification_channel.delivery.deliver` does."""
    # Prefect's blocks are used without its server.
    environment = {"PREFECT_HOME": str(settings.stack.state_dir / "prefect"), "DO_NOT_TRACK": "1"}
    deliver(order, directory=directory_of(settings), environment=environment)
