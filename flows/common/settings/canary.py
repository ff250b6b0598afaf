"""Settings of the canary: what it walks through, and how it reaches the web tier."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings

from flows.common.settings.forms import AbsolutePath, group


class CanarySettings(BaseSettings):
    """The canary: a walk through the whole chain every quarter of an hour."""

    model_config = group("CANARY")

    is_scheduled: bool = Field(
        True, description="Whether it goes by itself, every quarter of an hour."
    )
    token_file: AbsolutePath | None = Field(
        None,
        description="File (mode 0600) with the token that it sends to the web tier, of the scopes "
        "message and operate; the embedded stack makes one. Unset: the legs over REST are skipped.",
    )
    monitor_url: str | None = Field(
        None, description="Address of the web tier that it walks through; unset: SWF_MONITOR_URL."
    )
    leg_seconds: float = Field(
        60.0, gt=0, le=200, description="How long each of its legs may take."
    )
    log_job: int | None = Field(
        None,
        ge=1,
        description="Id of a PanDA job with a small log, which it fetches anew each time; unset: "
        "that leg is skipped. The sandbox has one.",
    )
    campaign: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._\-]*$",
        max_length=100,
        description="Name of a small campaign that it sweeps; unset: that leg is skipped. The "
        "sandbox has one.",
    )
    did: str | None = Field(
        None,
        pattern="^[^:]+:[^:]+$",
        description="SCOPE:NAME of a small dataset at the Rucio of produced data that it reads; "
        "unset: it asks that Rucio who we are.",
    )
