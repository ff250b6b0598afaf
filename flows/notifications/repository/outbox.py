"""Notifications on their way: written once, begun once, and what became of them.

Nothing here commits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, case, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import Session

from flows.common.database import among
from flows.notifications.domain.pacing import MINUTE_SECONDS, Waiting
from flows.notifications.domain.words import ChannelKind, DeliveryState, Outcome, Severity
from flows.notifications.models import Address, Channel, Notification, Rule

_LOST: Final = (
    "the notifier ended while it handed this over: nobody knows whether it was taken, and it is "
    "not sent again"
)
_TO_ADDRESSES: Final = Notification.channel_id.is_(None) & Notification.address.is_not(None)
_MOST_WAITING: Final = 5000  # that a turn looks at


@dataclass(frozen=True)
class Group:
    """Where messages wait: a channel, or a user whose registered address they go to."""

    channel_id: int | None
    username: str | None

    @property
    def condition(self) -> ColumnElement[bool]:
        """Which notifications are of it."""
        if self.channel_id is not None:
            return Notification.channel_id == self.channel_id
        return (Notification.channel_id.is_(None)) & (Notification.recipient == self.username)


def insert(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write notifications; one that is there already is the same."""
    if rows:
        new = pg_insert(Notification).on_conflict_do_nothing(index_elements=["dedup_key"])
        session.execute(new, [dict(each) for each in rows])


def rules_in_force(session: Session) -> list[Rule]:
    """Every rule that is in force."""
    return list(session.scalars(select(Rule).where(Rule.is_enabled).order_by(Rule.id)))


def addresses(session: Session, usernames: Sequence[str]) -> dict[str, str]:
    """The registered addresses of these users."""
    rows = select(Address.username, Address.email).where(among(Address.username, list(usernames)))
    return {name: email for name, email in session.execute(rows)}  # noqa: C416


def mail_channel(session: Session, name: str) -> int | None:
    """The channel that mail to users' own addresses goes through: the named, or the only one."""
    mail = select(Channel.id).where(Channel.kind == ChannelKind.MAIL, Channel.is_enabled)
    if name:
        mail = mail.where(Channel.name == name)
    found = session.scalars(mail.limit(2)).all()
    return found[0] if len(found) == 1 else None


# ------------------------------------------------------------------ delivery


def settle_lost(session: Session) -> int:
    """Settle what a notifier that is gone was handing over; gives their number.

    Only for the one notifier that works, before it hands anything over.
    """
    lost = update(Notification).where(Notification.state == DeliveryState.SENDING)
    values = {"state": DeliveryState.UNKNOWN, "error": _LOST, "ended_at": func.now()}
    return session.connection().execute(lost.values(values)).rowcount


def groups_due(session: Session, at: datetime) -> list[Group]:
    """Where something is due, the oldest first; nothing is where something is to be tried again."""
    person = case((Notification.channel_id.is_(None), Notification.recipient))
    is_later = func.bool_or(func.coalesce(Notification.not_before > at, False))
    rows = session.execute(
        select(Notification.channel_id, person)
        .outerjoin(Channel, Channel.id == Notification.channel_id)
        .where(
            Notification.state == DeliveryState.PENDING,
            or_(Notification.channel_id.is_(None), Channel.is_enabled),
        )
        .group_by(Notification.channel_id, person)
        .having(~is_later)
        .order_by(func.min(Notification.id))
    )
    return [Group(channel_id, username) for channel_id, username in rows]


def waiting(session: Session, group: Group) -> list[Waiting]:
    """What waits of a group, the oldest first."""
    rows = session.execute(
        select(
            Notification.id,
            Notification.at,
            Notification.name,
            Notification.outcome,
            Notification.severity,
            Notification.subject,
            Notification.tries,
            Notification.what.is_(None).label("is_summary"),
        )
        .where(group.condition, Notification.state == DeliveryState.PENDING)
        .order_by(Notification.id)
        .limit(_MOST_WAITING)
    )
    return [
        Waiting(
            id=row.id, at=row.at, name=row.name, outcome=Outcome(row.outcome),
            severity=Severity(row.severity), subject=row.subject, tries=row.tries,
            is_summary=row.is_summary,
        )
        for row in rows
    ]  # fmt: skip


def begun_in_the_last_minute(
    session: Session, group: Group, at: datetime, *, with_addresses: bool = False
) -> int:
    """How many messages of a group were handed over in the last minute.

    Args:
        session: A session.
        group: The group.
        at: The end of that minute.
        with_addresses: Whether those to users' own addresses are counted with it.
    """
    since = at - timedelta(seconds=MINUTE_SECONDS)
    counted = group.condition | _TO_ADDRESSES if with_addresses else group.condition
    begun = select(func.count()).where(counted, Notification.handed_over_at > since)
    return session.scalar(begun) or 0


def hold(
    session: Session, group: Group, held: Sequence[int], columns: Mapping[str, Any], at: datetime
) -> int:
    """Put these into one summary, which names and counts them; gives its number."""
    first = session.get_one(Notification, held[0])
    summary = Notification(
        dedup_key=f"summary:{held[0]}",
        channel_id=group.channel_id,
        recipient=first.recipient,
        address=first.address,
        username=first.username if group.channel_id is None else None,
        at=at,
        **columns,
    )
    session.add(summary)
    session.flush()
    told = {"state": DeliveryState.HELD, "summary_id": summary.id, "ended_at": at}
    are_held = update(Notification).where(
        among(Notification.id, list(held)), Notification.state == DeliveryState.PENDING
    )
    session.execute(are_held.values(told))
    return summary.id


def begin(session: Session, notification_id: int, at: datetime) -> Notification | None:
    """Note that a notification is being handed over; None where it does not wait any more."""
    begun = update(Notification).where(
        Notification.id == notification_id, Notification.state == DeliveryState.PENDING
    )
    values = {
        "state": DeliveryState.SENDING,
        "handed_over_at": at,
        "tries": Notification.tries + 1,
        "not_before": None,
    }
    return session.scalar(begun.values(values).returning(Notification))


def end(
    session: Session,
    notification_id: int,
    state: DeliveryState,
    *,
    at: datetime,
    error: str | None = None,
    not_before: datetime | None = None,
) -> None:
    """Note what became of a notification that was being handed over."""
    is_over = state is not DeliveryState.PENDING
    values = {
        "state": state,
        "error": error,
        "not_before": not_before,
        "ended_at": at if is_over else None,
    }
    # Another notifier may have taken it for lost meanwhile: who handed it over knows better.
    begun = (DeliveryState.SENDING, DeliveryState.UNKNOWN)
    known = update(Notification).where(
        Notification.id == notification_id, Notification.state.in_(begun)
    )
    session.execute(known.values(values))
