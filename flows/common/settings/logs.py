"""Settings of the parts' log records in the log table."""

from __future__ import annotations

import logging
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings

from flows.common.settings.forms import group


class LogTableSettings(BaseSettings):
    """The parts' log records in the table that agents log to; the agents' settings bound it."""

    model_config = group("LOG_TABLE")

    level: Literal["INFO", "WARNING", "ERROR", "OFF"] = Field(
        "INFO", description="Lowest level of what the parts write into the log table; OFF: nothing."
    )

    @property
    def minimum(self) -> int | None:
        """The level as a number; None: nothing is written."""
        return logging.getLevelNamesMapping().get(self.level)
