"""Settings of the testbed: its workflows, and our own agents."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings

from flows.common.settings.forms import group


class WorkflowsSettings(BaseSettings):
    """Workflows that play the data acquisition."""

    model_config = group("WORKFLOWS")

    at_a_time: int = Field(
        4, ge=1, description="Most workflows that run at a time, in all workers."
    )
