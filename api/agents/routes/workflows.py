"""Workflows: definitions and executions, and the ways of STFs through the agents with their stages.

Source: fastmon contract sections 3.9 and 3.10.
"""

from __future__ import annotations

import uuid
from typing import Annotated, Any, Final

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.agents.queries import workflows
from api.http.collections.routes import Resource, make_router
from api.http.fields import (
    FileName,
    FilledParagraph,
    JsonValue,
    Number,
    Paragraph,
    ParentKey,
    ParentUuid,
    RunId,
    Text100,
    Time,
    UtcTime,
    Word50,
    Word100,
    Word200,
    choice,
)
from flows.agents.domain import DaqState, DaqSubstate, StageAgent, WorkflowStatus

Status = Annotated[WorkflowStatus, *choice(WorkflowStatus)]
AgentKind = Annotated[StageAgent, *choice(StageAgent)]
State = Annotated[DaqState, *choice(DaqState)]
Substate = Annotated[DaqSubstate, *choice(DaqSubstate)]


class DefinitionForm(BaseModel):
    """The fields of a version of a workflow's program."""

    workflow_name: Word200 = Field(description="The workflow's name.")
    version: Word50 = Field(description="Its version, unique of that name.")
    workflow_type: Word100 = Field(description="Its type.")
    definition: FilledParagraph = Field(description="The program.")
    parameter_values: JsonValue | None = Field(None, description="Its parameters.")
    created_by: Word100 = Field(description="Who made it.")


class DefinitionView(BaseModel):
    """A version of a workflow's program."""

    id: int
    workflow_name: str
    version: str
    workflow_type: str
    definition: str
    parameter_values: Any
    created_by: str
    created_at: UtcTime
    updated_at: UtcTime


class ExecutionForm(BaseModel):
    """The fields of a run of a workflow's program."""

    execution_id: Word100 = Field(description="Its name, unique.")
    workflow_definition: ParentKey = Field(description="Key of its definition.")
    namespace: Text100 | None = Field(None, description="Its namespace.")
    parameter_values: JsonValue = Field({}, description="Its parameters.")
    performance_metrics: JsonValue | None = Field(None, description="What was measured of it.")
    status: Word50 = Field("pending", description="Its status.")
    start_time: Time = Field(description="When it began.")
    end_time: Time | None = Field(None, description="When it ended.")
    executed_by: Word100 = Field(description="Who runs it.")


class ExecutionView(BaseModel):
    """A run of a workflow's program."""

    execution_id: str
    workflow_definition: int
    namespace: str | None
    parameter_values: Any
    performance_metrics: Any
    status: str
    start_time: UtcTime
    end_time: UtcTime | None
    executed_by: str


class WorkflowForm(BaseModel):
    """The fields of an STF's way through the agents."""

    filename: FileName = Field(description="Name of the STF file, unique.")
    file_id: uuid.UUID | None = Field(None, description="Its key.")
    namespace: Text100 | None = Field(None, description="Its namespace.")
    execution_id: Text100 | None = Field(None, description="The execution that it is of.")
    run_id: RunId | None = Field(None, description="Number of the run.")
    daq_state: State = Field(description="State of the data acquisition.")
    daq_substate: Substate = Field(description="Substate of the data acquisition.")
    generated_time: Time = Field(description="When the STF was made.")
    stf_start_time: Time = Field(description="When its data begin.")
    stf_end_time: Time = Field(description="When its data end.")
    current_status: Status = Field(WorkflowStatus.GENERATED, description="Its status.")
    current_agent: AgentKind = Field(StageAgent.DAQSIM, description="The type of agent it is at.")
    completed_at: Time | None = Field(None, description="When it was done.")
    failed_at: Time | None = Field(None, description="When it failed.")
    failure_reason: Paragraph | None = Field(None, description="Why.")
    stf_metadata: JsonValue | None = Field(None, description="Other information.")


class WorkflowView(BaseModel):
    """An STF's way through the agents."""

    workflow_id: uuid.UUID
    filename: str
    file_id: uuid.UUID | None
    namespace: str | None
    execution_id: str | None
    run_id: str | None
    daq_state: str
    daq_substate: str
    generated_time: UtcTime
    stf_start_time: UtcTime
    stf_end_time: UtcTime
    current_status: str
    current_agent: str
    completed_at: UtcTime | None
    failed_at: UtcTime | None
    failure_reason: str | None
    stf_metadata: Any
    created_at: UtcTime
    updated_at: UtcTime


class StageForm(BaseModel):
    """The fields of what one agent does with a workflow's STF."""

    workflow: ParentUuid = Field(description="The workflow that it is of.")
    agent_name: Word100 = Field(description="The agent's name.")
    agent_type: AgentKind = Field(description="What the agent does.")
    status: Status = Field(WorkflowStatus.GENERATED, description="Its status.")
    received_at: Time | None = Field(None, description="When the agent got it.")
    started_at: Time | None = Field(None, description="When it began.")
    completed_at: Time | None = Field(None, description="When it was done.")
    failed_at: Time | None = Field(None, description="When it failed.")
    processing_time_seconds: Number | None = Field(None, description="How long it took.")
    failure_reason: Paragraph | None = Field(None, description="Why it failed.")
    input_message: JsonValue | None = Field(None, description="The message that it began with.")
    output_message: JsonValue | None = Field(None, description="The message that it ended with.")
    stage_metadata: JsonValue | None = Field(None, description="Other information.")


class StageView(BaseModel):
    """What one agent does with a workflow's STF; `id` is `stage_id`."""

    id: uuid.UUID
    stage_id: uuid.UUID
    agent_name: str
    agent_type: str
    status: str
    received_at: UtcTime | None
    started_at: UtcTime | None
    completed_at: UtcTime | None
    failed_at: UtcTime | None
    processing_time_seconds: float | None
    failure_reason: str | None
    input_message: Any
    output_message: Any
    stage_metadata: Any
    created_at: UtcTime
    updated_at: UtcTime
    workflow: uuid.UUID


_TIME: Final = "2026-08-01T12:00:00Z"

router = APIRouter()
for each, removal in (
    (
        Resource(
            path="workflow-definitions",
            collection=workflows.DEFINITIONS,
            view=DefinitionView,
            form=DefinitionForm,
            example={
                "workflow_name": "stf_datataking",
                "version": "1.0",
                "workflow_type": "simulation",
                "definition": "class WorkflowExecutor: ...",
                "parameter_values": {"stf_count": 5},
                "created_by": "daq",
            },
            changes_example={"workflow_type": "production"},
        ),
        "Its executions go too.",
    ),
    (
        Resource(
            path="workflow-executions",
            collection=workflows.EXECUTIONS,
            view=ExecutionView,
            form=ExecutionForm,
            example={
                "execution_id": "stf_datataking-daq-0001",
                "workflow_definition": 1,
                "namespace": "testbed",
                "status": "running",
                "executed_by": "daq",
                "start_time": _TIME,
                "parameter_values": {"stf_count": 5},
            },
            changes_example={"status": "completed", "end_time": _TIME},
        ),
        "",
    ),
    (
        Resource(
            path="workflows",
            collection=workflows.WORKFLOWS,
            view=WorkflowView,
            form=WorkflowForm,
            example={
                "filename": "swf.100123.000001.stf",
                "daq_state": "run",
                "daq_substate": "physics",
                "generated_time": _TIME,
                "stf_start_time": _TIME,
                "stf_end_time": _TIME,
            },
            changes_example={"current_status": "data_received", "current_agent": "data"},
        ),
        "Its stages go too.",
    ),
    (
        Resource(
            path="workflow-stages",
            collection=workflows.STAGES,
            view=StageView,
            form=StageForm,
            example={
                "workflow": "3fa85f64-5717-4562-b3fc-2c963f66afa6",
                "agent_name": "fastmon-agent-daq-12",
                "agent_type": "fastmon",
                "status": "fastmon_received",
                "input_message": {"msg_type": "stf_ready"},
            },
            changes_example={"status": "fastmon_complete", "completed_at": _TIME},
        ),
        "",
    ),
):
    router.include_router(make_router(each, removal=removal))
