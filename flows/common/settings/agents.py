"""Settings of the agents' REST: what is kept of what they send."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings

from flows.common.settings.forms import group


class AgentsSettings(BaseSettings):
    """Agents' heartbeats, log records and messages over REST."""

    model_config = group("AGENTS")

    logs_per_second: float = Field(
        1000.0,
        gt=0,
        description="Log records that an API process takes in a second, whoever sends them; "
        "beyond that, senders get 429 and log to their consoles.",
    )
    log_record_bytes: int = Field(
        16_384, ge=1024, description="Largest log record that is accepted."
    )
    log_rows: int = Field(
        1_000_000, ge=10_000, description="Newest log records that are kept, whatever their age."
    )
    log_days: float = Field(14.0, gt=0, description="Age at which log records are deleted.")
    history_days: float = Field(
        30.0,
        gt=0,
        description="Age at which agents that are silent, their subscribers, and messages that "
        "were only stored are deleted.",
    )
    history_rows: int = Field(
        1_000_000,
        ge=10_000,
        description="Newest messages that were only stored, workflows of STFs and changes of "
        "states that are kept, of each, whatever their age.",
    )
