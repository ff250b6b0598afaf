"""Tables of notifications: where to, what for whom, and each message with its fate."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Double,
    ForeignKey,
    Identity,
    Index,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from flows.common.column_types import Reason
from flows.common.database import AwareTime, Base, now
from flows.notifications.domain.words import (
    ChannelKind,
    DeliveryState,
    Outcome,
    Severity,
    SubjectKind,
    WatchFor,
    What,
)

_TRUE = text("true")
_FALSE = text("false")
_EMPTY_OBJECT = text("'{}'::jsonb")


class Channel(Base):
    """Where messages go. Its URL stands in a file whose path the web role may not read."""

    __tablename__ = "notification_channel"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    kind: Mapped[ChannelKind] = mapped_column(String(20))
    description: Mapped[str] = mapped_column(Text, server_default="")
    url_file: Mapped[str] = mapped_column(Text, deferred=True)
    is_open_to_watchers: Mapped[bool] = mapped_column(server_default=_FALSE)
    a_minute: Mapped[int] = mapped_column(server_default=text("30"))
    is_enabled: Mapped[bool] = mapped_column(server_default=_TRUE)
    created_at: Mapped[datetime] = mapped_column(AwareTime, default=now)
    # The last outcome: when it last took a message; since when and why it takes none.
    last_sent_at: Mapped[datetime | None] = mapped_column(AwareTime)
    failing_since: Mapped[datetime | None] = mapped_column(AwareTime)
    last_error: Mapped[str | None] = mapped_column(Reason)


class Rule(Base):
    """What somebody wants told, and where to; an empty condition matches everything.

    `channel_id` null: to the registered address of the owner of what happened.
    """

    __tablename__ = "notification_rule"
    __table_args__ = (Index("notification_rule_author_idx", "author"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    author: Mapped[str] = mapped_column(String(150))
    channel_id: Mapped[int | None] = mapped_column(
        ForeignKey("notification_channel.id", ondelete="CASCADE")
    )
    what: Mapped[What] = mapped_column(String(10))
    # An action, a type of event or a kind of alarm; empty: all of them.
    name: Mapped[str] = mapped_column(String(100), server_default="")
    outcome: Mapped[Outcome | None] = mapped_column(String(20))
    requester: Mapped[str] = mapped_column(String(150), server_default="")
    owner: Mapped[str] = mapped_column(String(150), server_default="")
    campaign: Mapped[str] = mapped_column(String(100), server_default="")
    # A glob, such as `epic.26.05.*`.
    subject: Mapped[str] = mapped_column(String(500), server_default="")
    # Of an alarm: its limit, and what is done beside telling.
    options: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=_EMPTY_OBJECT)
    is_enabled: Mapped[bool] = mapped_column(server_default=_TRUE)
    created_at: Mapped[datetime] = mapped_column(AwareTime, default=now)
    updated_at: Mapped[datetime] = mapped_column(AwareTime, default=now)


class Watch(Base):
    """Somebody wants to be told once, when that becomes true; `fired_at`: it was.

    `channel_id` null: at their registered address. `is_new`: nobody has looked yet whether it is
    true already. `notification_id`: what told it last, which may have told another's, too.
    """

    __tablename__ = "notification_watch"
    __table_args__ = (
        UniqueConstraint("username", "kind", "subject", "watch_for"),
        Index(
            "notification_watch_subject_idx",
            "kind",
            "subject",
            postgresql_where=text("fired_at IS NULL"),
        ),
        Index("notification_watch_new_idx", "id", postgresql_where=text("is_new")),
        Index(
            "notification_watch_told_idx",
            "username",
            postgresql_where=text("notification_id IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    username: Mapped[str] = mapped_column(String(150))
    kind: Mapped[SubjectKind] = mapped_column(String(20))
    subject: Mapped[str] = mapped_column(String(500))
    watch_for: Mapped[WatchFor] = mapped_column(String(20))
    channel_id: Mapped[int | None] = mapped_column(
        ForeignKey("notification_channel.id", ondelete="CASCADE")
    )
    is_new: Mapped[bool] = mapped_column(server_default=_TRUE)
    created_at: Mapped[datetime] = mapped_column(AwareTime, default=now)
    fired_at: Mapped[datetime | None] = mapped_column(AwareTime)
    notification_id: Mapped[int | None] = mapped_column(BigInteger)


class Address(Base):
    """The mail address that a user has registered."""

    __tablename__ = "notification_address"

    username: Mapped[str] = mapped_column(String(150), primary_key=True)
    email: Mapped[str] = mapped_column(String(320))
    registered_at: Mapped[datetime] = mapped_column(AwareTime, default=now)


class Notification(Base):
    """One message to one recipient: a channel, or a user's address.

    `body` is what happened, as `domain.happenings.Happening` gives it. A summary has no event; the
    messages that it counts name it.
    """

    __tablename__ = "notification"
    __table_args__ = (
        Index("notification_recipient_idx", "recipient", "id"),
        Index("notification_state_idx", "state", "id"),
        Index("notification_outcome_idx", "outcome", "id"),
        Index("notification_name_idx", "name", "id"),
        Index("notification_subject_idx", "subject", "id"),
        Index("notification_summary_idx", "summary_id"),
        Index("notification_at_idx", "at"),
        Index("notification_handed_over_at_idx", "handed_over_at"),
        Index(
            "notification_due_idx",
            "channel_id",
            "id",
            postgresql_where=text("state IN ('pending', 'sending')"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    at: Mapped[datetime] = mapped_column(AwareTime, default=now)
    # One message to a recipient about one thing.
    dedup_key: Mapped[str] = mapped_column(Text, unique=True)
    channel_id: Mapped[int | None] = mapped_column(
        ForeignKey("notification_channel.id", ondelete="SET NULL")
    )
    # Name of the channel, or the user whose address it goes to.
    recipient: Mapped[str] = mapped_column(String(150))
    address: Mapped[str | None] = mapped_column(String(320))
    rule_id: Mapped[int | None] = mapped_column(BigInteger)
    watch_id: Mapped[int | None] = mapped_column(BigInteger)
    # Whose rule or watch it is; of a summary: nobody's.
    username: Mapped[str | None] = mapped_column(String(150))
    event_id: Mapped[int | None] = mapped_column(BigInteger)
    request_id: Mapped[int | None] = mapped_column(BigInteger)
    what: Mapped[What | None] = mapped_column(String(10))
    name: Mapped[str] = mapped_column(String(100), server_default="")
    outcome: Mapped[Outcome] = mapped_column(String(20))
    severity: Mapped[Severity] = mapped_column(String(10))
    subject: Mapped[str] = mapped_column(String(500), server_default="")
    title: Mapped[str] = mapped_column(Text)
    body: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=_EMPTY_OBJECT)
    state: Mapped[DeliveryState] = mapped_column(String(10), default=DeliveryState.PENDING)
    summary_id: Mapped[int | None] = mapped_column(
        ForeignKey("notification.id", ondelete="SET NULL")
    )
    tries: Mapped[int] = mapped_column(server_default=text("0"))
    not_before: Mapped[datetime | None] = mapped_column(AwareTime)
    handed_over_at: Mapped[datetime | None] = mapped_column(AwareTime)
    ended_at: Mapped[datetime | None] = mapped_column(AwareTime)
    error: Mapped[str | None] = mapped_column(Reason)


class NotificationPosition(Base):
    """Up to which event everything was looked at: one row."""

    __tablename__ = "notification_position"

    name: Mapped[str] = mapped_column(String(20), primary_key=True)
    event_id: Mapped[int] = mapped_column(BigInteger)


class RequestEnd(Base):
    """A request that has ended or become unknown, until it was looked at.

    A trigger on `request` writes it in the transaction that ends the request.
    """

    __tablename__ = "notification_request_end"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    request_id: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(20))
    at: Mapped[datetime] = mapped_column(AwareTime)


class AlarmEpisode(Base):
    """An alarm of a rule, from its begin to its end; at most one at a time of one thing.

    `about` empty: the whole. `request_id`: what was asked for because of it.
    """

    __tablename__ = "notification_alarm"
    __table_args__ = (
        Index(
            "notification_alarm_open_key",
            "rule_id",
            "kind",
            "about",
            unique=True,
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index("notification_alarm_began_at_idx", "began_at"),
        Index(
            "notification_alarm_request_idx",
            "request_id",
            postgresql_where=text("request_id IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    rule_id: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[str] = mapped_column(String(30))
    about: Mapped[str] = mapped_column(String(500), server_default="")
    owner: Mapped[str] = mapped_column(String(150), server_default="")
    campaign: Mapped[str] = mapped_column(String(100), server_default="")
    severity: Mapped[Severity] = mapped_column(String(10))
    text: Mapped[str] = mapped_column(Text)
    action_taken: Mapped[str] = mapped_column(Text, server_default="")
    request_id: Mapped[int | None] = mapped_column(BigInteger)
    began_at: Mapped[datetime] = mapped_column(AwareTime)
    ended_at: Mapped[datetime | None] = mapped_column(AwareTime)

    @property
    def key(self) -> str:
        """What its two events name it by."""
        return f"{self.kind}:{self.about}:{self.rule_id}:{int(self.began_at.timestamp())}"


class ExpiryNotice(Base):
    """The end of a credential that was announced, so many days before it: once each."""

    __tablename__ = "expiry_notice"

    credential: Mapped[str] = mapped_column(String(200), primary_key=True)
    not_after: Mapped[datetime] = mapped_column(AwareTime, primary_key=True)
    threshold_days: Mapped[float] = mapped_column(Double, primary_key=True)
    at: Mapped[datetime] = mapped_column(AwareTime)
