"""How a user's testbed is, for assistants. Keys: fastmon contract section 7.4."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from pydantic import BaseModel, Field

from api.agents import lines
from api.agents.lines import AgentLine
from api.http.fields import UtcTime
from api.http.tools.answers import MonitorUrl, Page, page
from api.http.tools.arguments import Limit, Offset
from api.http.tools.calls import Call
from api.http.tools.declaration import Toolbox
from api.testbed.queries import running_executions
from api.testbed.tools.commands import UserName
from flows.common.database import now
from flows.testbed import domain, repository
from flows.testbed.repository import Described

toolbox = Toolbox()

_MOST_AGENTS: Final = 1000
_FRESH: Final = timedelta(minutes=2)
_CONTROLLER: Final = "agent_manager"
_RUNNING: Final = "RUNNING"


class ManagerStatus(BaseModel):
    """Whether a user's controller runs, and what it says; nulls: it was never heard."""

    alive: bool
    username: str
    instance_name: str
    namespace: str | None
    last_heartbeat: UtcTime | None
    operational_state: str | None
    status: str | None
    description: str | None
    control_queue: str
    agents_running: bool
    supervisord_healthy: bool | None
    how_to_start: str | None = Field(description="What to do where none runs.")
    monitor_urls: list[MonitorUrl]


class ManagerLine(BaseModel):
    """A user's controller, within the status of the testbed."""

    alive: bool
    namespace: str | None
    operational_state: str | None
    status: str | None
    last_heartbeat: UtcTime | None
    supervisord_healthy: bool | None


class TestbedAgent(BaseModel):
    """An agent of the testbed."""

    name: str
    type: str
    status: str = Field(description="`running`: heard within 2 minutes; else `stopped`.")
    last_heartbeat: UtcTime | None


class Summary(BaseModel):
    """How many agents run."""

    running: int
    stopped: int


class TestbedStatus(BaseModel):
    """How a user's testbed is."""

    username: str
    agent_manager: ManagerLine
    agents: list[TestbedAgent]
    summary: Summary
    running_workflows: int
    ready: bool = Field(description="Whether a workflow can be started on it now.")
    error: str | None
    note: str
    monitor_urls: list[MonitorUrl]


class SupervisedAgent(BaseModel):
    """A program of a user's supervisor, as its controller said last."""

    program_name: str
    state: str = Field(description="The supervisor's word, such as RUNNING, STOPPED or FATAL.")
    is_running: bool


@toolbox.tool("check_agent_manager", "swf_check_agent_manager")
def check_agent_manager(call: Call, *, username: UserName | None = None) -> ManagerStatus:
    """Whether the controller that starts and stops a user's agents runs, and how to start it.

    Use it before start_user_testbed, or where a command gets no answer; how the agents are,
    get_testbed_status says.
    """
    user = username or call.caller.name
    found = repository.described_controller(call.session, user)
    alive = found is not None and found.is_there(now())
    return ManagerStatus(
        alive=alive,
        username=user,
        instance_name=domain.controller_name(user),
        namespace=repository.namespace_of(call.session, user),
        last_heartbeat=found.heard_at if found else None,
        operational_state=found.operational_state if found else None,
        status=found.status if found else None,
        description=found.description if found else None,
        control_queue=domain.control_queue(user),
        agents_running=alive and found is not None and found.said("agents_running") is True,
        supervisord_healthy=_is_healthy(found),
        how_to_start=None if alive else domain.start_one(user),
        monitor_urls=[_system(call)],
    )


@toolbox.tool("get_testbed_status", "swf_get_testbed_status")
def get_testbed_status(call: Call, *, username: UserName | None = None) -> TestbedStatus:
    """How a user's testbed is: its controller, its agents, and whether a workflow can start on it.

    For the agents of all users, use list_agents.
    """
    manager = check_agent_manager(call, username=username)
    agents = _agents(call, manager.namespace)
    running = sum(each.status == "running" for each in agents)
    workflows = running_executions(call.session, manager.namespace)
    return TestbedStatus(
        username=manager.username,
        agent_manager=ManagerLine(**manager.model_dump()),
        agents=agents,
        summary=Summary(running=running, stopped=len(agents) - running),
        running_workflows=workflows,
        ready=manager.alive and running > 0 and workflows == 0,
        error=manager.how_to_start,
        note=_note(running, workflows),
        monitor_urls=manager.monitor_urls,
    )


@toolbox.tool("list_supervised_agents", "swf_list_supervised_agents")
def list_supervised_agents(
    call: Call, *, username: UserName | None = None, limit: Limit = 100, offset: Offset = 0
) -> Page[SupervisedAgent]:
    """The programs that a user's supervisor runs, as its controller said at its last heartbeat.

    Their names are what start_, stop_ and restart_supervised_agent take. For the agents that are
    heard, whoever runs them, use list_agents.
    """
    found = repository.described_controller(call.session, username or call.caller.name)
    programs = sorted(found.programs.items()) if found else []
    items = [
        SupervisedAgent(program_name=name, state=state, is_running=state == _RUNNING)
        for name, state in programs[offset : offset + limit]
    ]
    return page(items, len(programs), offset=offset, urls=[_system(call)])


def _system(call: Call) -> MonitorUrl:
    return call.shown_at("The system", "/system/")


def _agents(call: Call, namespace: str | None) -> list[TestbedAgent]:
    if namespace is None:
        return []
    found = lines.in_namespace(call.session, namespace, _MOST_AGENTS)
    return [_agent(each) for each in found if each.agent_type != _CONTROLLER]


def _agent(line: AgentLine) -> TestbedAgent:
    heard = line.last_heartbeat
    is_running = not line.is_exited and heard is not None and heard >= now() - _FRESH
    return TestbedAgent(
        name=line.instance_name,
        type=line.agent_type,
        status="running" if is_running else "stopped",
        last_heartbeat=heard,
    )


def _is_healthy(found: Described | None) -> bool | None:
    said = found.said("supervisord_healthy") if found else None
    return said if isinstance(said, bool) else None


def _note(running: int, workflows: int) -> str:
    if workflows:
        return f"{workflows} workflow(s) run in its namespace now."
    if running:
        return "Its agents are idle: a workflow can be started."
    return "None of its agents runs: start_user_testbed starts them."
