"""How many messages this minute still has room for.

Users' own addresses share a mail channel: what goes to them counts to its rate, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from flows.common.settings.notifications import NotificationsSettings
from flows.notifications.models import Channel
from flows.notifications.repository import outbox
from flows.notifications.repository.outbox import Group


@dataclass(frozen=True)
class Rates:
    """What the settings and the channels allow.

    Attributes:
        settings: The settings of notifications.
    """

    settings: NotificationsSettings

    def through(self, session: Session, group: Group) -> int | None:
        """The channel that a group's messages go through; None: there is none for addresses."""
        return group.channel_id or outbox.mail_channel(session, self.settings.mail_channel)

    def left_of_group(self, session: Session, group: Group, at: datetime) -> int:
        """How many messages of a group this minute has room for."""
        if group.channel_id is not None:
            return self.left_of_channel(session, group.channel_id, at)
        begun = outbox.begun_in_the_last_minute(session, group, at)
        return self.settings.address_a_minute - begun

    def left_of_channel(self, session: Session, channel_id: int, at: datetime) -> int:
        """How many messages through a channel this minute has room for."""
        channel = session.get(Channel, channel_id)
        if channel is None:
            return 0
        is_shared = channel_id == outbox.mail_channel(session, self.settings.mail_channel)
        group = Group(channel_id, None)
        begun = outbox.begun_in_the_last_minute(session, group, at, with_addresses=is_shared)
        return channel.a_minute - begun
