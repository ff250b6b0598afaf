"""The events of what somebody should look at: an alarm, and a credential near its end."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from flows.common.messages import Announcement, Timestamp, msg_type_of
from flows.notifications.domain.words import Severity


class Alarm(Announcement):
    """An alarm has begun or is over: one event each, whatever happens between."""

    SUBJECT: ClassVar = "`about`"

    msg_type: Literal["alarm"]
    kind: str = Field(description="Kind of the alarm.", examples=["failure_rate"])
    key: str = Field(
        description="What it is one alarm of: the same at its begin and its end.",
        examples=["failure_rate:epic.26.05.0.DIS.NC.10x100.p1:1764450000"],
    )
    is_over: bool = Field(description="Whether it is over.", examples=[False])
    severity: Severity = Field(description="How much it matters.")
    text: str = Field(
        description="What is wrong, in words.", examples=["40 % of its jobs have failed"]
    )
    about: str | None = Field(
        description="What it is about, such as a task; null: the whole.",
        examples=["epic.26.05.0.DIS.NC.10x100.p1"],
    )
    owner: str | None = Field(description="Whose that is; null: nobody's.", examples=["anna"])
    campaign: str | None = Field(description="Its campaign, or null.", examples=["26.05.0"])
    action_taken: str = Field(
        "", description="What was done about it, or why nothing was.", examples=["it was paused"]
    )
    rule_id: int = Field(description="The rule that it is for.", examples=[3])


class CredentialExpires(Announcement):
    """A credential is near its end, or has expired: once for each number of days that is set."""

    SUBJECT: ClassVar = "`credential`"
    FEED: ClassVar = "credential.expires"

    msg_type: Literal["credential_expires"]
    credential: str = Field(description="What it is.", examples=["token of PanDA"])
    not_after: Timestamp = Field(description="When it ends, in UTC.")
    threshold_days: float = Field(
        ge=0, description="So many days before that this is announced; 0: it has expired."
    )
    text: str = Field(
        description="The same in words.",
        examples=["it expires at 2026-06-04 09:00 UTC, in 3 days"],
    )
    owner: str | None = Field(
        description="Whose token of the API it is; null: it is the ops side's.", examples=[None]
    )


EVENTS = (Alarm, CredentialExpires)

ALARM = msg_type_of(Alarm)
