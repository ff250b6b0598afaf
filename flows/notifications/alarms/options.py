"""The limits of an alarm, as its rule's options say them."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class AlarmKind(StrEnum):
    """What an alarm is about."""

    FAILURE_RATE = "failure_rate"
    """A production task of which too many inputs have failed for good."""
    SWEEP_FAILED = "sweep_failed"
    """The last sweep of a campaign, or the last scheduled sweep, failed."""
    CREDENTIAL_EXPIRES = "credential_expires"
    """A credential of the ops side is of no use, or soon will be."""
    QUEUE_WAITS = "queue_waits"
    """A request could be worked on, and is not."""
    PART_RESTARTED = "part_restarted"
    """A part of the ops side was started anew."""
    CANARY_FAILED = "canary_failed"
    """The canary found the chain broken, a service outside silent, or did not come back."""


class AlarmOptions(BaseModel):
    """The limits of a rule's alarms; each kind reads its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limit_percent: float = Field(
        20.0, gt=0, le=100, description="failure_rate: the share of inputs that have failed."
    )
    least_failed: int = Field(
        5, ge=1, description="failure_rate: the least number of inputs that have failed."
    )
    pause: bool = Field(False, description="failure_rate: whether the task is paused.")
    days: float = Field(
        2.0, gt=0, le=3650, description="credential_expires: days before a credential's end."
    )
    minutes: float = Field(
        15.0,
        gt=0,
        le=100_000,
        description="queue_waits: how long a request waits; "
        "part_restarted: how long a restart is an alarm.",
    )
    canary_minutes: float = Field(
        45.0,
        gt=0,
        le=100_000,
        description="canary_failed: how long no canary may have come back.",
    )
