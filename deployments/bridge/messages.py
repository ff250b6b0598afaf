"""Forms of the bridge's own messages: control, and its answer (ops contract section 1.13)."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from flows.common.messages import Announcement, EventPart


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


class RunningExecution(EventPart):
    """An execution of a workflow that has not ended."""

    execution_id: str = Field(examples=["stf_datataking-shift-0042"])
    run_id: str = Field(description="Number of its run.", examples=["100123"])
    stfs: int = Field(description="STFs so far.", examples=[12])


class WorkflowStatus(Announcement):
    """Answers `status_request`, where prodops runs the workflows."""

    msg_type: Literal["workflow_status"]
    is_running: bool = Field(description="Whether any execution has not ended.")
    executions: list[RunningExecution] = Field(description="Those, the oldest first.")


EVENTS = (WorkflowStatus,)
