"""Settings of notifications: how they are delivered, how long they are tried and kept."""

from __future__ import annotations

from typing import Final

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings

from flows.common.settings.forms import DaysList, NameList, group

_MOST_DAYS: Final = 3650.0


class NotificationsSettings(BaseSettings):
    """Notifications to chat channels and by mail."""

    model_config = group("NOTIFICATIONS")

    monitor_url: str | None = Field(
        None,
        description="Address of the pages, with their prefix, that messages link to; unset: that "
        "of this machine.",
    )
    allow_local_addresses: bool = Field(
        False,
        description="Whether a channel may lead to this machine, to link-local addresses or to a "
        "cloud's metadata.",
    )
    timeout_seconds: float = Field(
        10.0, gt=0, le=60, description="How long the delivery of one message may take."
    )
    retry_days: float = Field(
        3.0, gt=0, description="How long a message is tried while the other side does not answer."
    )
    longest_pause_seconds: float = Field(
        300.0, gt=0, description="Longest pause between two tries; the first is a second."
    )
    backlog_seconds: float = Field(
        600.0,
        gt=0,
        description="What waited for so long, as through an outage, is told in a summary.",
    )
    address_a_minute: int = Field(
        5, ge=1, description="Messages a minute to one user's own address."
    )
    mail_channel: str = Field(
        "",
        description="Channel of the kind mail that goes to users' own addresses; unset: the only "
        "one there is.",
    )
    mail_domains: NameList = Field(
        (), description="Domains that users' own addresses may be of; unset: any."
    )
    history_days: float = Field(
        90.0, gt=0, description="Age at which notifications and spent watches are deleted."
    )

    expiry_days: DaysList = Field(
        (7.0, 3.0, 1.0),
        description="How many days before a credential's end that is announced "
        "(comma-separated), once each; `prodops doctor` warns from the first on.",
    )

    @field_validator("expiry_days")
    @classmethod
    def _positive(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if not all(0 < each <= _MOST_DAYS for each in value):
            raise ValueError("must be numbers of days above 0")
        return value

    @field_validator("monitor_url")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError("must begin with http:// or https://")
        return value.rstrip("/") if value else None
