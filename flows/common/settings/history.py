"""Settings of what is kept of the past, where no other group has its own, and of its pruning."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings

from flows.common.settings.forms import group


class HistorySettings(BaseSettings):
    """How long history is kept, and how long its pruning may take."""

    model_config = group("HISTORY")

    request_days: float = Field(
        1095.0,
        gt=0,
        description="Age at which ended requests, executions of workflows, sweeps of arrivals and "
        "settled remarks on tasks are deleted.",
    )
    attempt_days: float = Field(
        3650.0,
        gt=0,
        description="Age at which attempts at submissions that came to their end, operations on "
        "tasks and operators' decisions are deleted. What is submitted again later than that is "
        "looked for at PanDA only.",
    )
    payload_log_days: float = Field(
        365.0,
        gt=0,
        description="Age at which it is forgotten where a job's log is, whose files are no longer "
        "in the cache.",
    )
    live_did_days: float = Field(
        90.0, gt=0, description="Age at which what Rucio said of a DID is deleted."
    )
    prune_seconds: float = Field(
        3000.0,
        gt=0,
        le=3400,
        description="How long one pruning may take, a quarter of it for Prefect's flow runs; "
        "the next goes on.",
    )
