"""The words of notifications: kinds, outcomes and states."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class ChannelKind(StrEnum):
    """What a channel delivers to."""

    SLACK = "slack"
    MATTERMOST = "mattermost"
    MAIL = "mail"
    """A mail relay: `mail://HOST:PORT?from=…&to=…`."""
    APPRISE = "apprise"
    """Any URL that Apprise knows."""
    FILE = "file"
    """Appends JSON lines to a file below the state directory."""


class What(StrEnum):
    """What a rule is about."""

    ACTION = "action"
    """The end of a request for an action."""
    EVENT = "event"
    """An event, by its type."""
    ALARM = "alarm"
    """The begin or end of an alarm, by its kind."""


class Outcome(StrEnum):
    """How it came out."""

    COMPLETED = "completed"
    """It ended well; an alarm is over."""
    FAILED = "failed"
    """It failed; an alarm has begun."""
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"
    """Its effect may have happened: it is being found out."""
    NOTED = "noted"
    """Neither good nor bad: it happened."""


class Severity(StrEnum):
    """How much a message matters."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class SubjectKind(StrEnum):
    """What may be watched."""

    TASK = "task"
    """A production task, by its stored name."""
    DATASET = "dataset"
    """A dataset, by its DID (`scope:name`)."""
    CAMPAIGN = "campaign"
    """A campaign, by its name."""
    PATH = "path"
    """A requested path, in any campaign."""
    REQUEST = "request"
    """A request, by its number."""


class WatchFor(StrEnum):
    """What a watch waits for."""

    SUBMITTED = "submitted"
    COMPLETE = "complete"
    FAILED = "failed"
    ARRIVED = "arrived"
    ENDED = "ended"
    """However it ended."""


WATCHABLE: Final[dict[SubjectKind, tuple[WatchFor, ...]]] = {
    SubjectKind.TASK: (WatchFor.SUBMITTED, WatchFor.COMPLETE, WatchFor.FAILED, WatchFor.ENDED),
    SubjectKind.DATASET: (WatchFor.ARRIVED, WatchFor.COMPLETE),
    SubjectKind.CAMPAIGN: (WatchFor.ARRIVED, WatchFor.COMPLETE),
    SubjectKind.PATH: (WatchFor.ARRIVED, WatchFor.COMPLETE),
    SubjectKind.REQUEST: (WatchFor.COMPLETE, WatchFor.FAILED, WatchFor.ENDED),
}
"""What can be waited for, of each kind of subject."""


class DeliveryState(StrEnum):
    """What became of a notification."""

    PENDING = "pending"
    """It waits for its turn, or for the next try."""
    SENDING = "sending"
    """It is being handed over."""
    SENT = "sent"
    """The other side took it."""
    FAILED = "failed"
    """It was not taken, and is not tried again."""
    UNKNOWN = "unknown"
    """It was handed over, and nobody knows whether it was taken; it is not sent again."""
    HELD = "held"
    """It was over the rate: the summary that it names counts it."""


WAITING: Final = (DeliveryState.PENDING, DeliveryState.SENDING)
"""States of a notification that has not come to its end."""
