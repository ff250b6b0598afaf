"""Settings of the MCP server."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings

from flows.common.settings.forms import group


class McpSettings(BaseSettings):
    """The MCP server of the web tier, which serves tools to assistants."""

    model_config = group("MCP")

    calls_a_minute: int = Field(
        300,
        ge=1,
        le=1_000_000,
        description="Calls of tools that a caller has each minute, in each API process, and as "
        "many lists and prompts; one that loops is told when to call again.",
    )
