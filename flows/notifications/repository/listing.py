"""The list of notifications, as pages and commands show it. Nothing here commits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session, aliased

from blocks.errors import NotFound
from flows.notifications.domain.words import DeliveryState, Outcome
from flows.notifications.models import Notification, Rule, Watch


class NotificationNotFound(NotFound):
    """There is no notification of that number, or it is not yours."""


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Which notifications are wanted; None: any.

    Attributes:
        seen_by: Only what this user may see: their own, and those of rules that they wrote.
        before: Only those of lower numbers, for the next page.
    """

    seen_by: str | None = None
    state: DeliveryState | None = None
    outcome: Outcome | None = None
    recipient: str | None = None
    name: str | None = None
    subject: str | None = None
    summary_id: int | None = None
    before: int | None = None


def newest(session: Session, wanted: Filter, limit: int) -> list[Notification]:
    """The notifications that are wanted, the newest first, at most `limit`."""
    rows = select(Notification).where(*_conditions(wanted)).order_by(Notification.id.desc())
    return list(session.scalars(rows.limit(limit)))


def get(session: Session, notification_id: int, *, seen_by: str | None = None) -> Notification:
    """The notification of that number.

    Raises:
        NotificationNotFound: There is none that this user may see.
    """
    conditions = _conditions(Filter(seen_by=seen_by))
    rows = select(Notification).where(Notification.id == notification_id, *conditions)
    if (found := session.scalars(rows).one_or_none()) is None:
        raise NotificationNotFound(f"there is no notification {notification_id} of yours")
    return found


def counts(session: Session) -> dict[DeliveryState, int]:
    """How many there are of each state."""
    rows = session.execute(select(Notification.state, func.count()).group_by(Notification.state))
    return {DeliveryState(state): number for state, number in rows}


def _conditions(wanted: Filter) -> Sequence[ColumnElement[bool]]:
    equal = {
        Notification.state: wanted.state,
        Notification.outcome: wanted.outcome,
        Notification.recipient: wanted.recipient,
        Notification.name: wanted.name,
        Notification.subject: wanted.subject,
        Notification.summary_id: wanted.summary_id,
    }
    found = [column == value for column, value in equal.items() if value is not None]
    if wanted.before is not None:
        found.append(Notification.id < wanted.before)
    if wanted.seen_by is not None:
        found.append(_may_see(wanted.seen_by))
    return found


def _may_see(username: str) -> ColumnElement[bool]:
    """What is a user's own, what their rules told, and the summaries that tell any of these."""
    told = aliased(Notification)
    summaries = select(told.summary_id).where(_is_of(told, username), told.summary_id.is_not(None))
    return or_(_is_of(Notification, username), Notification.id.in_(summaries))


def _is_of(row: type[Notification], username: str) -> ColumnElement[bool]:
    written = select(Rule.id).where(Rule.author == username)
    # Two watchers of one thing are told by one message to their channel.
    told = select(Watch.notification_id).where(
        Watch.username == username, Watch.notification_id.is_not(None)
    )
    is_to_them = and_(row.channel_id.is_(None), row.recipient == username)
    return or_(row.username == username, is_to_them, row.rule_id.in_(written), row.id.in_(told))
