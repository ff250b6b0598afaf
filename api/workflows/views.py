"""Executions of workflows, as the pages show them and REST answers them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from api.agents.lines import AgentLine
from api.workflows.domain import Parameter, Span


class ExecutionView(BaseModel):
    """An execution of a workflow."""

    execution_id: str
    status: str
    namespace: str | None
    executed_by: str
    run_number: int | None = Field(description="Its data-taking run.")
    stf_count: int | None = Field(description="STFs that it has made; null: that is not known.")
    began: datetime
    ended: datetime | None
    took_seconds: float = Field(description="How long it took, or takes already.")
    request_id: int | None = Field(description="The request that runs it; null: another runner.")
    requested_by: str | None = Field(description="Who asked for it.")
    stop_requested_by: str | None = Field(description="Who wants it to stop.")
    is_open: bool = Field(description="Whether it can be stopped.")


class RunStateView(BaseModel):
    """The state of an execution's run."""

    run_number: int
    phase: str
    state: str
    substate: str | None
    state_changed_at: datetime
    slices_created: int
    slices_completed: int
    slices_failed: int


class MessageCount(BaseModel):
    """How many messages of a type an execution has."""

    msg_type: str
    count: int


class MessageView(BaseModel):
    """A message of an execution."""

    id: int
    at: datetime
    msg_type: str
    sender: str | None
    payload: Any


class ParticipantView(BaseModel):
    """Somebody who sent or worked on an execution's messages, and how they are now."""

    name: str
    messages: dict[str, int] = Field(description="How many of the last ones, by type.")
    last_at: datetime
    agent: AgentLine | None = Field(description="Null: it was never heard as an agent.")


class MarkView(BaseModel):
    """STFs that were made at about the same time."""

    at: datetime
    count: int


class ExecutionDetail(ExecutionView):
    """An execution with all that is known of it."""

    parameters: list[Parameter]
    run_state: RunStateView | None
    spans: list[Span]
    marks: list[MarkView]
    participants: list[ParticipantView]
    message_counts: list[MessageCount]
