"""Forms of the bridge's own messages: control, and its answer (ops contract section 1.13)."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field


class HealthPing(BaseModel):
    """Whether somebody is there: answered at once, ahead of all that waits."""

    msg_type: Literal["health_ping"]
    reply_to: str = Field(
        pattern="^/(queue|topic)/",
        description="Destination of the answer.",
        examples=["/queue/health.reply.17"],
    )


class Shutdown(BaseModel):
    """End, with exit code 100; only where `PRODOPS_BUS_ALLOWS_SHUTDOWN` is set."""

    msg_type: Literal["shutdown"]


class Pong(BaseModel):
    """Answers `health_ping`. Only these keys, as the original."""

    msg_type: Literal["pong"]
    agent: str = Field(description="Who answers.", examples=["prodops-bridge-host"])
    pid: int = Field(description="Number of its process.", examples=[4242])
