"""Tables of the agents, of their logs, and of their workflows.

Source: fastmon contract section 4; columns that are not in it say so.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    Identity,
    Index,
    String,
    Text,
    UniqueConstraint,
    Uuid,
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql import INET, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from flows.agents.domain import (
    AgentStatus,
    AgentType,
    DeliveryType,
    OperationalState,
    StageAgent,
    WorkflowStatus,
)
from flows.common.database import AwareTime, Base, now


class SystemAgent(Base):
    """An agent as its heartbeats describe it; its silence is judged when it is read.

    The `other_…` columns are not in the contract: another process of that name, which was heard
    before the present one and did not say that it ended. Nor is `mq_connected`.
    """

    __tablename__ = "swf_systemagent"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    instance_name: Mapped[str] = mapped_column(String(100), unique=True)
    agent_type: Mapped[str] = mapped_column(String(30), default=AgentType.OTHER)
    description: Mapped[str] = mapped_column(Text, default="")
    status: Mapped[str] = mapped_column(String(20), default=AgentStatus.UNKNOWN)
    last_heartbeat: Mapped[datetime | None] = mapped_column(AwareTime)
    agent_url: Mapped[str | None] = mapped_column(String(200))
    workflow_enabled: Mapped[bool] = mapped_column(default=True)
    current_stf_count: Mapped[int] = mapped_column(default=0)
    total_stf_processed: Mapped[int] = mapped_column(default=0)
    last_stf_processed: Mapped[datetime | None] = mapped_column(AwareTime)
    pid: Mapped[int | None]
    hostname: Mapped[str | None] = mapped_column(String(100))
    operational_state: Mapped[str] = mapped_column(String(20), default=OperationalState.STARTING)
    namespace: Mapped[str | None] = mapped_column(String(100), index=True)
    # "metadata" is taken by the models' base.
    meta: Mapped[dict[str, Any] | None] = mapped_column("metadata", JSONB)
    mq_connected: Mapped[bool | None]
    other_pid: Mapped[int | None]
    other_hostname: Mapped[str | None] = mapped_column(String(100))
    other_heartbeat: Mapped[datetime | None] = mapped_column(AwareTime)
    created_at: Mapped[datetime] = mapped_column(AwareTime, default=now)
    updated_at: Mapped[datetime] = mapped_column(AwareTime, default=now)


_ABOUT = {"request": "request_id", "flow_run": "flow_run_id"}


def _index_about(name: str, key: str) -> Index:
    """The index by which the log records are found that are about one thing."""
    value = text(f"(extra_data ->> '{key}')")
    present = text(f"(extra_data ->> '{key}') IS NOT NULL")
    return Index(f"swf_applog_{name}_idx", value, "timestamp", "id", postgresql_where=present)


class AppLog(Base):
    """A log record of an agent, or of a part of prodops: `extra_data` says what it is about."""

    __tablename__ = "swf_applog"
    __table_args__ = (
        Index("swf_applog_instance_name_idx", "instance_name", "id"),
        Index("swf_applog_timestamp_idx", "timestamp", "id"),
        Index("swf_applog_app_name_idx", "app_name", "timestamp", "id"),
        Index("swf_applog_problems_idx", "timestamp", "id", postgresql_where=text("level >= 30")),
        Index(
            "swf_applog_part_problems_idx",
            "app_name",
            "timestamp",
            "id",
            postgresql_where=text("level >= 30"),
        ),
        Index("swf_applog_level_idx", "level", "id"),
        Index("swf_applog_levelname_idx", "levelname", "id"),
        *(_index_about(name, key) for name, key in _ABOUT.items()),
        Index(
            "swf_applog_execution_idx",
            text("(extra_data ->> 'execution_id')"),
            "timestamp",
            postgresql_where=text("(extra_data ->> 'execution_id') IS NOT NULL"),
        ),
        Index(
            "swf_applog_errors_idx",
            "app_name",
            "instance_name",
            "timestamp",
            postgresql_where=text("levelname IN ('ERROR', 'CRITICAL')"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    app_name: Mapped[str] = mapped_column(String(100))
    instance_name: Mapped[str] = mapped_column(String(100))
    timestamp: Mapped[datetime] = mapped_column(AwareTime)
    level: Mapped[int] = mapped_column(default=0)
    levelname: Mapped[str] = mapped_column(String(50))
    message: Mapped[str] = mapped_column(Text)
    module: Mapped[str] = mapped_column(String(255))
    funcname: Mapped[str] = mapped_column(String(255))
    lineno: Mapped[int]
    process: Mapped[int]
    thread: Mapped[int] = mapped_column(BigInteger)
    extra_data: Mapped[dict[str, Any] | None] = mapped_column(JSONB)


# The key as it stands, not as a parameter: else the planner could not use the index.
LOGGED_EXECUTION: Final[ColumnElement[Any]] = AppLog.extra_data.op("->>", return_type=Text())(
    literal_column("'execution_id'")
)
"""The execution that a log record names."""


class Subscriber(Base):
    """Somebody who follows a destination of the bus, or the stream."""

    __tablename__ = "swf_subscribers"

    subscriber_id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    subscriber_name: Mapped[str] = mapped_column(String(255), unique=True)
    fraction: Mapped[float | None]
    description: Mapped[str | None] = mapped_column(Text)
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(AwareTime, default=now)
    updated_at: Mapped[datetime] = mapped_column(AwareTime, default=now)
    delivery_type: Mapped[str] = mapped_column(String(20), default=DeliveryType.ACTIVEMQ)
    client_ip: Mapped[Any | None] = mapped_column(INET)
    client_location: Mapped[str] = mapped_column(String(255), default="")
    connected_at: Mapped[datetime | None] = mapped_column(AwareTime)
    disconnected_at: Mapped[datetime | None] = mapped_column(AwareTime)
    last_activity: Mapped[datetime | None] = mapped_column(AwareTime)
    message_filters: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    messages_received: Mapped[int] = mapped_column(default=0)
    messages_sent: Mapped[int] = mapped_column(default=0)
    messages_dropped: Mapped[int] = mapped_column(default=0)


class Namespace(Base):
    """A testbed's namespace, and whose it is."""

    __tablename__ = "swf_namespace"

    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    owner: Mapped[str] = mapped_column(String(100))
    description: Mapped[str] = mapped_column(Text, default="")
    meta: Mapped[dict[str, Any] | None] = mapped_column("metadata", JSONB)
    created_at: Mapped[datetime] = mapped_column(AwareTime, default=now)
    updated_at: Mapped[datetime] = mapped_column(AwareTime, default=now)


class PersistentState(Base):
    """The counters, in the original's form: one row, so that it may be taken over as it is."""

    __tablename__ = "swf_persistent_state"
    __table_args__ = (CheckConstraint("id = 1", name="is_only"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    state_data: Mapped[dict[str, Any]] = mapped_column(JSONB)
    updated_at: Mapped[datetime] = mapped_column(AwareTime, default=now)


class WorkflowDefinition(Base):
    """A version of a workflow's program."""

    __tablename__ = "swf_workflow_definitions"
    __table_args__ = (UniqueConstraint("workflow_name", "version"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    workflow_name: Mapped[str] = mapped_column(String(200))
    version: Mapped[str] = mapped_column(String(50))
    workflow_type: Mapped[str] = mapped_column(String(100))
    definition: Mapped[str] = mapped_column(Text)
    parameter_values: Mapped[Any | None] = mapped_column(JSONB)
    created_by: Mapped[str] = mapped_column(String(100))
    created_at: Mapped[datetime] = mapped_column(AwareTime, default=now)
    updated_at: Mapped[datetime] = mapped_column(AwareTime, default=now)


class WorkflowExecution(Base):
    """A run of a workflow's program."""

    __tablename__ = "swf_workflow_executions"
    __table_args__ = (
        Index("swf_workflow_executions_start_time_idx", "start_time"),
        Index("swf_workflow_executions_status_idx", "status", "start_time", "execution_id"),
    )

    execution_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    workflow_definition_id: Mapped[int] = mapped_column(
        ForeignKey("swf_workflow_definitions.id", ondelete="CASCADE"), index=True
    )
    namespace: Mapped[str | None] = mapped_column(String(100), index=True)
    parameter_values: Mapped[Any] = mapped_column(JSONB, default=dict)
    performance_metrics: Mapped[Any | None] = mapped_column(JSONB)
    status: Mapped[str] = mapped_column(String(50), default="pending")
    start_time: Mapped[datetime] = mapped_column(AwareTime)
    end_time: Mapped[datetime | None] = mapped_column(AwareTime)
    executed_by: Mapped[str] = mapped_column(String(100))


class StfWorkflow(Base):
    """An STF's way through the agents."""

    __tablename__ = "swf_stf_workflows"
    __table_args__ = (Index("swf_stf_workflows_created_at_idx", "created_at"),)

    workflow_id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True, default=uuid.uuid4)
    filename: Mapped[str] = mapped_column(String(255), unique=True)
    file_id: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    namespace: Mapped[str | None] = mapped_column(String(100))
    execution_id: Mapped[str | None] = mapped_column(String(100))
    run_id: Mapped[str | None] = mapped_column(String(50), index=True)
    daq_state: Mapped[str] = mapped_column(String(20))
    daq_substate: Mapped[str] = mapped_column(String(20))
    generated_time: Mapped[datetime] = mapped_column(AwareTime)
    stf_start_time: Mapped[datetime] = mapped_column(AwareTime)
    stf_end_time: Mapped[datetime] = mapped_column(AwareTime)
    current_status: Mapped[str] = mapped_column(String(30), default=WorkflowStatus.GENERATED)
    current_agent: Mapped[str] = mapped_column(String(20), default=StageAgent.DAQSIM)
    completed_at: Mapped[datetime | None] = mapped_column(AwareTime)
    failed_at: Mapped[datetime | None] = mapped_column(AwareTime)
    failure_reason: Mapped[str | None] = mapped_column(Text)
    stf_metadata: Mapped[Any | None] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(AwareTime, default=now)
    updated_at: Mapped[datetime] = mapped_column(AwareTime, default=now)


class AgentWorkflowStage(Base):
    """What one agent does with a workflow's STF."""

    __tablename__ = "swf_agent_workflow_stages"
    __table_args__ = (UniqueConstraint("workflow_id", "agent_name", "agent_type"),)

    stage_id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True, default=uuid.uuid4)
    workflow_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("swf_stf_workflows.workflow_id", ondelete="CASCADE")
    )
    agent_name: Mapped[str] = mapped_column(String(100))
    agent_type: Mapped[str] = mapped_column(String(20))
    status: Mapped[str] = mapped_column(String(30), default=WorkflowStatus.GENERATED)
    received_at: Mapped[datetime | None] = mapped_column(AwareTime)
    started_at: Mapped[datetime | None] = mapped_column(AwareTime)
    completed_at: Mapped[datetime | None] = mapped_column(AwareTime)
    failed_at: Mapped[datetime | None] = mapped_column(AwareTime)
    processing_time_seconds: Mapped[float | None]
    failure_reason: Mapped[str | None] = mapped_column(Text)
    input_message: Mapped[Any | None] = mapped_column(JSONB)
    output_message: Mapped[Any | None] = mapped_column(JSONB)
    stage_metadata: Mapped[Any | None] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(AwareTime, default=now)
    updated_at: Mapped[datetime] = mapped_column(AwareTime, default=now)


class WorkflowMessage(Base):
    """A message that was only stored, over REST; those of the bus are events.

    `number` is not in the contract: messages of one time are ordered by it.
    """

    __tablename__ = "swf_workflow_messages"
    __table_args__ = (
        Index("swf_workflow_messages_sent_at_idx", "sent_at", "number"),
        Index("swf_workflow_messages_execution_id_idx", "execution_id"),
        Index("swf_workflow_messages_run_id_idx", "run_id"),
    )

    message_id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True, default=uuid.uuid4)
    number: Mapped[int] = mapped_column(BigInteger, Identity())
    message_type: Mapped[str] = mapped_column(String(50))
    request_id: Mapped[int | None]
    sender_agent: Mapped[str | None] = mapped_column(String(100))
    sender_type: Mapped[str | None] = mapped_column(String(20))
    recipient_agent: Mapped[str | None] = mapped_column(String(100))
    recipient_type: Mapped[str | None] = mapped_column(String(20))
    namespace: Mapped[str | None] = mapped_column(String(100))
    execution_id: Mapped[str | None] = mapped_column(String(100))
    run_id: Mapped[str | None] = mapped_column(String(50))
    message_content: Mapped[Any] = mapped_column(JSONB)
    message_metadata: Mapped[Any | None] = mapped_column(JSONB)
    sent_at: Mapped[datetime] = mapped_column(AwareTime, default=now)
    delivered_at: Mapped[datetime | None] = mapped_column(AwareTime)
    acknowledged_at: Mapped[datetime | None] = mapped_column(AwareTime)
    is_successful: Mapped[bool | None]
    error_message: Mapped[str | None] = mapped_column(Text)
    queue_name: Mapped[str | None] = mapped_column(String(100))
    correlation_id: Mapped[str | None] = mapped_column(String(100))
    workflow_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("swf_stf_workflows.workflow_id", ondelete="SET NULL"), index=True
    )
    stage_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("swf_agent_workflow_stages.stage_id", ondelete="SET NULL"), index=True
    )
