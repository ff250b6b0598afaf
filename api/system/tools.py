"""The state of the whole, for assistants. Keys: fastmon contract section 7.4."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.http.fields import UtcTime
from api.http.standing import OpsStanding
from api.http.standing import in_words as standing_in_words
from api.http.tools.answers import MonitorUrl
from api.http.tools.arguments import User
from api.http.tools.calls import Call
from api.http.tools.declaration import Toolbox
from api.system.queries import state
from flows.common import standing
from flows.common.database import now
from flows.testbed import repository as testbed

toolbox = Toolbox()

Health = Literal["healthy", "unhealthy", "exited", "missing"]


class UserContext(BaseModel):
    """What is known of the caller's testbed; its configuration stays on its own host."""

    username: str
    namespace: str | None
    workflow_name: str | None = None
    config: str | None = None
    config_file: str | None = None
    config_source: str | None = None


class PartHealth(BaseModel):
    """Whether a part of the testbed runs."""

    status: Health
    name: str | None = None
    last_heartbeat: UtcTime | None = None


class LastExecution(BaseModel):
    """An execution of a workflow."""

    model_config = ConfigDict(from_attributes=True)

    execution_id: str
    status: str
    start_time: UtcTime
    end_time: UtcTime | None


class AgentCounts(BaseModel):
    """How many agents there are."""

    model_config = ConfigDict(from_attributes=True)

    total: int
    active: int
    exited: int
    healthy: int
    unhealthy: int


class ExecutionCounts(BaseModel):
    """How many executions there are."""

    running: int
    completed_last_hour: int


class RunStateLine(BaseModel):
    """The state of a data-taking run."""

    model_config = ConfigDict(from_attributes=True)

    run_number: int
    phase: str
    state: str
    substate: str | None
    active_workers: int = Field(validation_alias="active_worker_count")
    target_workers: int = Field(validation_alias="target_worker_count")
    slices_queued: int
    slices_processing: int
    slices_completed: int
    slices_failed: int


class ChangeLine(BaseModel):
    """A change of the state of a run."""

    model_config = ConfigDict(from_attributes=True)

    timestamp: UtcTime
    run_number: int
    event_type: str
    state: str


class SystemState(BaseModel):
    """How all is."""

    timestamp: UtcTime
    ops_side: OpsStanding = Field(description="Whether what is asked for is done.")
    user_context: UserContext
    agent_manager: PartHealth
    workflow_runner: PartHealth
    ready_to_run: bool = Field(description="Whether a workflow can be started.")
    last_execution: LastExecution | None
    errors_last_hour: int
    agents: AgentCounts
    executions: ExecutionCounts
    messages_last_10min: int
    run_states: list[RunStateLine]
    persistent_state: dict[str, Any]
    recent_events: list[ChangeLine]
    monitor_urls: list[MonitorUrl]


@toolbox.tool("get_system_state", "swf_get_system_state")
def get_system_state(call: Call, *, username: User | None = None) -> SystemState:
    """How all is: whether what is asked for is done; agents, workflows and runs in numbers.

    Begin here where you do not know what is going on; then use the list tools.
    """
    at = now()
    user = username or call.caller.name
    namespace = testbed.namespace_of(call.session, user)
    ops_side = standing_in_words(standing.read(call.session), at=at)
    running, completed = state.executions(call.session, at)
    last = state.last_execution(call.session, namespace) if namespace else None
    return SystemState(
        timestamp=at,
        ops_side=ops_side,
        user_context=UserContext(username=user, namespace=namespace),
        agent_manager=_manager(call, user, at),
        workflow_runner=_runner(call, namespace, at),
        ready_to_run=ops_side.state != "away",
        last_execution=LastExecution.model_validate(last) if last else None,
        errors_last_hour=state.errors(call.session, namespace, at) if namespace else 0,
        agents=AgentCounts.model_validate(state.agents(call.session, at)),
        executions=ExecutionCounts(running=running, completed_last_hour=completed),
        messages_last_10min=state.messages(call.session, at),
        run_states=[RunStateLine.model_validate(each) for each in state.run_states(call.session)],
        persistent_state=state.counters(call.session),
        recent_events=[ChangeLine.model_validate(each) for each in state.changes(call.session)],
        monitor_urls=[call.shown_at("The system", "/system/")],
    )


def _manager(call: Call, user: str, at: datetime) -> PartHealth:
    found = testbed.described_controller(call.session, user)
    if found is None:
        return PartHealth(status="missing")
    health: Health = "healthy" if found.is_there(at) else "unhealthy"
    if found.status == "EXITED":
        health = "exited"
    return PartHealth(status=health, last_heartbeat=found.heard_at)


def _runner(call: Call, namespace: str | None, at: datetime) -> PartHealth:
    found = state.runner(call.session, namespace)
    if found is None:
        return PartHealth(status="missing")
    heard = found.last_heartbeat
    is_fresh = heard is not None and heard >= at - state.HEARD
    return PartHealth(
        status="healthy" if is_fresh else "unhealthy",
        name=found.instance_name,
        last_heartbeat=heard,
    )
