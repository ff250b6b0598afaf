"""The list of notifications, as pages and commands show it. Nothing here commits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from blocks.errors import NotFound
from flows.notifications.domain.words import DeliveryState, Outcome
from flows.notifications.models import Notification, Rule


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
        written = select(Rule.id).where(Rule.author == wanted.seen_by)
        is_own = Notification.username == wanted.seen_by
        found.append(or_(is_own, Notification.rule_id.in_(written)))
    return found
