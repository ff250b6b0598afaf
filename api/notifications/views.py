"""Notifications, rules, watches and channels, as REST and pages show them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from pydantic import BaseModel, ConfigDict, Field

from flows.common.callers import Caller, Scope
from flows.notifications.domain.words import (
    ChannelKind,
    DeliveryState,
    Outcome,
    Severity,
    SubjectKind,
    WatchFor,
    What,
)
from flows.notifications.models import Channel, Notification, Rule, Watch


class ChannelView(BaseModel):
    """A channel by its name. Where it leads is known on the ops side alone."""

    model_config = ConfigDict(from_attributes=True)

    name: str
    kind: ChannelKind
    description: str
    is_open_to_watchers: bool = Field(
        description="Whether anybody's watches and rules may name it."
    )
    is_enabled: bool
    a_minute: int = Field(description="Messages that it takes a minute; more become a summary.")
    last_sent_at: datetime | None = Field(description="When it last took a message.")
    failing_since: datetime | None = Field(description="Since when it takes none; null: it does.")
    last_error: str | None = Field(
        None, description="Why it takes none; shown to those who may operate."
    )


class RuleView(BaseModel):
    """What somebody wants told, and where to. An empty condition matches everything."""

    id: int
    author: str
    channel: str | None = Field(description="Name of the channel; null: the owner's own address.")
    what: What
    name: str
    outcome: Outcome | None
    requester: str
    owner: str
    campaign: str
    subject: str
    options: dict[str, Any]
    is_enabled: bool
    created_at: datetime
    updated_at: datetime


class WatchView(BaseModel):
    """What somebody wants to be told of, once."""

    id: int
    kind: SubjectKind
    subject: str
    watch_for: WatchFor
    channel: str | None = Field(description="Name of the channel; null: your own address.")
    path: str = Field(description="Path of the subject's page, below the prefix.")
    created_at: datetime
    fired_at: datetime | None = Field(description="When you were told; null: not yet.")


class WatchList(BaseModel):
    """One's watches, and where one may be told."""

    address: str | None = Field(description="Your registered address.")
    channels: list[str] = Field(description="The channels that are open to watchers.")
    watches: list[WatchView]


class NotificationView(BaseModel):
    """A message to one recipient, and what became of it."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    at: datetime
    recipient: str = Field(description="Name of the channel, or the user whose address it is.")
    rule_id: int | None
    watch_id: int | None
    username: str | None = Field(description="Whose rule or watch it is; null: of a summary.")
    event_id: int | None
    request_id: int | None
    what: What | None = Field(description="Null: it is a summary of what was held back.")
    name: str
    outcome: Outcome
    severity: Severity
    subject: str
    title: str
    body: Any = Field(description="What the message says, part by part.")
    state: DeliveryState
    summary_id: int | None = Field(description="The summary that told of it, as it was held back.")
    tries: int
    not_before: datetime | None = Field(description="When it is tried again.")
    handed_over_at: datetime | None
    ended_at: datetime | None
    error: str | None = Field(
        description="Why it did not go out; what came of a delivery, those who may operate see."
    )


class NotificationPage(BaseModel):
    """Notifications, the newest first, and where the older ones are."""

    next: str | None
    results: list[NotificationView]


def channel(row: Channel, caller: Caller) -> ChannelView:
    """A channel, as far as the caller may see it."""
    shown = ChannelView.model_validate(row)
    return shown if caller.may(Scope.OPERATE) else shown.model_copy(update={"last_error": None})


def notification(row: Notification, caller: Caller) -> NotificationView:
    """A notification, as far as the caller may see it."""
    shown = NotificationView.model_validate(row)
    return shown.model_copy(update={"error": error_of(row, caller)})


def error_of(row: Notification, caller: Caller) -> str | None:
    """Why a notification did not go out, as far as the caller may see it.

    What came of a delivery may name the relay, or where the channel leads.
    """
    is_of_delivery = row.handed_over_at is not None
    return row.error if caller.may(Scope.OPERATE) or not is_of_delivery else None


def rule(row: Rule, channel_name: str | None) -> RuleView:
    """A rule, with the name of its channel."""
    columns = {name: getattr(row, name) for name in RuleView.model_fields if name != "channel"}
    return RuleView(**columns, channel=channel_name)


def watch(row: Watch, channel_name: str | None) -> WatchView:
    """A watch, with the name of its channel and the path of what it is about."""
    kind = SubjectKind(row.kind)
    return WatchView(
        id=row.id,
        kind=kind,
        subject=row.subject,
        watch_for=WatchFor(row.watch_for),
        channel=channel_name,
        path=subject_path(kind, row.subject),
        created_at=row.created_at,
        fired_at=row.fired_at,
    )


def subject_path(kind: SubjectKind, subject: str) -> str:
    """The path below the prefix of the page of what is watched."""
    match kind:
        case SubjectKind.TASK:
            return f"/pcs/tasks/{quote(subject, safe='')}/"
        case SubjectKind.DATASET:
            return f"/pcs/did/?did={quote(subject, safe=':/')}"
        case SubjectKind.CAMPAIGN:
            return f"/pcs/catalog/?{urlencode({'campaign': subject})}"
        case SubjectKind.PATH:
            return f"/pcs/catalog/?{urlencode({'q': subject})}"
        case SubjectKind.REQUEST:
            return f"/requests/{subject}/"
