"""Channels: made on the ops side, chosen everywhere by their names. Nothing here commits."""

from __future__ import annotations

import difflib
from datetime import datetime
from pathlib import Path

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session, undefer

from blocks.errors import NotFound, Refused
from flows.common.database import now
from flows.notifications.domain.words import WAITING, ChannelKind, DeliveryState
from flows.notifications.models import Channel, Notification


class ChannelNotFound(NotFound):
    """There is no channel of that name."""


def every(session: Session) -> list[Channel]:
    """Every channel, by name; without the path of its file."""
    return list(session.scalars(select(Channel).order_by(Channel.name)))


def named(session: Session, name: str) -> Channel:
    """The channel of that name.

    Raises:
        ChannelNotFound: There is none; names the nearest.
    """
    found = session.scalars(select(Channel).where(Channel.name == name)).one_or_none()
    if found is None:
        raise ChannelNotFound(f"there is no channel {name!r}{_hint(session, name)}")
    return found


def require_open(session: Session, name: str) -> Channel:
    """The channel of that name, if a watch may name it.

    Raises:
        ChannelNotFound: There is none.
        Refused: It is not open to watchers.
    """
    channel = named(session, name)
    if not channel.is_open_to_watchers:
        opened = ", ".join(each.name for each in every(session) if each.is_open_to_watchers)
        raise Refused(f"the channel {name!r} is not open to watchers; open are: {opened or 'none'}")
    return channel


def add(
    session: Session,
    name: str,
    kind: ChannelKind,
    *,
    url_file: Path,
    description: str = "",
    is_open_to_watchers: bool = False,
    a_minute: int = 30,
) -> Channel:
    """Make a channel, or change the one of that name.

    Raises:
        Refused: It is of another kind.
    """
    found = session.scalars(select(Channel).where(Channel.name == name)).one_or_none()
    if found is None:
        found = Channel(name=name, kind=kind)
        session.add(found)
    elif found.kind != kind:
        raise Refused(f"the channel {name!r} is of the kind {found.kind}; remove it first")
    found.url_file, found.description = str(url_file), description
    found.is_open_to_watchers, found.a_minute = is_open_to_watchers, a_minute
    session.flush()
    return found


def remove(session: Session, name: str) -> None:
    """Remove a channel, with the rules and watches that name it; what waits for it has failed.

    Raises:
        ChannelNotFound: There is none.
    """
    channel = named(session, name)
    waiting = update(Notification).where(
        Notification.channel_id == channel.id, Notification.state.in_(WAITING)
    )
    gone = {"state": DeliveryState.FAILED, "error": "its channel was removed", "ended_at": now()}
    session.execute(waiting.values(gone))
    session.execute(delete(Channel).where(Channel.id == channel.id))


def enable(session: Session, name: str, *, is_enabled: bool) -> None:
    """Switch a channel on or off; what waits for it waits on.

    Raises:
        ChannelNotFound: There is none.
    """
    channel = named(session, name)
    channel.is_enabled = is_enabled


def url_file(session: Session, channel_id: int) -> tuple[ChannelKind, Path] | None:
    """The kind of a channel, and the file with its URL; for the ops side only."""
    found = session.get(Channel, channel_id, options=[undefer(Channel.url_file)])
    return None if found is None else (ChannelKind(found.kind), Path(found.url_file))


def note_sent(session: Session, channel_id: int, at: datetime | None = None) -> None:
    """Note that a channel took a message."""
    values = {"last_sent_at": at or now(), "failing_since": None, "last_error": None}
    session.execute(update(Channel).where(Channel.id == channel_id).values(values))


def note_failed(session: Session, channel_id: int, error: str) -> None:
    """Note that a channel did not take a message, and why."""
    since = func.coalesce(Channel.failing_since, now())
    session.execute(
        update(Channel)
        .where(Channel.id == channel_id)
        .values(failing_since=since, last_error=error)
    )


def _hint(session: Session, name: str) -> str:
    names = [each.name for each in every(session)]
    if close := difflib.get_close_matches(name, names, n=1):
        return f"; did you mean {close[0]!r}?"
    return f"; there are: {', '.join(names)}" if names else "; there are none"
