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


class RunWorkflowMessage(BaseModel):
    """Run a workflow; `params` override its configuration, wherever they are read."""

    msg_type: Literal["run_workflow"]
    namespace: str = Field(description="Namespace of its messages.", examples=["testbed"])
    workflow_name: str = Field("stf_datataking", description="The workflow.")
    config: str = Field(
        "fast_processing_default", description="Name of the workflow's configuration."
    )
    realtime: bool = Field(True, description="In its own time; else as fast as it can.")
    duration: float = Field(0, description="Seconds after which it is ended; 0: when it is done.")
    params: dict[str, bool | int | float | str] = Field(
        {}, description="Values of parameters, by name.", examples=[{"stf_count": 5}]
    )


class StopWorkflowMessage(BaseModel):
    """Stop an execution, or all of a namespace; each ends with its `end_run`."""

    msg_type: Literal["stop_workflow"]
    execution_id: str | None = Field(
        None, description="The execution.", examples=["stf_datataking-shift-0042"]
    )
    namespace: str | None = Field(None, description="Whose executions, where none is named.")


class StatusRequest(BaseModel):
    """Say which executions have not ended: by the event `workflow_status`."""

    msg_type: Literal["status_request"]
    namespace: str | None = Field(None, description="Of which namespace; absent: of all.")


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
