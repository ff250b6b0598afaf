"""Agents, for assistants. Keys: fastmon contract section 7.4."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, true

from api.agents.queries import messages
from api.agents.queries.agents import AGENTS
from api.agents.routes.agents import Conflict
from api.http.collections import store
from api.http.fields import UtcTime
from api.http.tools.answers import MonitorUrl, Page, page
from api.http.tools.arguments import Limit, Name, Offset, Time
from api.http.tools.calls import Call
from api.http.tools.declaration import Toolbox
from blocks.errors import NotFound
from flows.agents.domain import AgentStatus, AgentType
from flows.common.database import among, now

toolbox = Toolbox()

_ALL: Final = "all"
_TYPES: Final = Field(description=f"{', '.join(AgentType)}, or an agent's own word.")
_STATUSES: Final = Field(
    description=f"{', '.join(AgentStatus)}, or an agent's own word; {_ALL}: also EXITED."
)
_STATUS: Final = AGENTS.filters["status"].column


class AgentNotFound(NotFound):
    """There is no agent of that name."""


class AgentItem(BaseModel):
    """An agent in a list; EXITED also where it was not heard for 3 minutes."""

    name: str = Field(validation_alias="instance_name")
    agent_type: str
    status: str = Field(description="Its health.")
    operational_state: str = Field(description="Its activity.")
    namespace: str | None
    last_heartbeat: UtcTime | None
    workflow_enabled: bool
    total_stf_processed: int


class AgentDetail(AgentItem):
    """An agent, with all that it says of itself."""

    description: str
    current_stf_count: int
    last_stf_processed: UtcTime | None
    pid: int | None
    hostname: str | None
    mq_connected: bool | None = Field(description="Whether it reaches the broker.")
    conflict: Conflict | None = Field(description="Another process that uses its name, too.")
    metadata: Any
    monitor_urls: list[MonitorUrl]


class InstanceStatus(AgentDetail):
    """An agent, and whether its process is heard."""

    name: str
    is_alive: bool = Field(description="Whether it was heard within 3 minutes, and has not ended.")
    silent_seconds: float | None = Field(description="Since when it was not heard; null: never.")


@toolbox.tool("list_agents", "swf_list_agents")
def list_agents(
    call: Call,
    *,
    namespace: Name | None = None,
    agent_type: Annotated[Name | None, _TYPES] = None,
    status: Annotated[Name | None, _STATUSES] = None,
    execution_id: Name | None = None,
    start_time: Time | None = None,
    end_time: Time | None = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> Page[AgentItem]:
    """The testbed's agents, those heard last first.

    Those that have EXITED are left out unless status is EXITED or "all"; start_time and end_time
    are of the last heartbeat. For the processes that a user's supervisor runs, use
    list_supervised_agents.
    """
    columns = AGENTS.table.c
    wanted: list[ColumnElement[bool]] = [_with_status(status)]
    wanted += [columns.namespace == namespace] if namespace else []
    wanted += [columns.agent_type == agent_type] if agent_type else []
    wanted += [columns.last_heartbeat >= start_time] if start_time else []
    wanted += [columns.last_heartbeat <= end_time] if end_time else []
    if execution_id:
        names = messages.senders(call.session, execution_id)
        wanted.append(among(columns.instance_name, names))
    order = (columns.last_heartbeat.desc().nulls_last(), columns.id.desc())
    total, rows = store.newest(
        call.session, AGENTS, *wanted, order=order, limit=limit, offset=offset
    )
    items = [AgentItem.model_validate(dict(row)) for row in rows]
    return page(items, total, offset=offset, urls=[call.shown_at("Agents", "/system/")])


@toolbox.tool("get_agent", "swf_get_agent")
def get_agent(call: Call, *, name: Name) -> AgentDetail:
    """One agent by the exact name of its instance, with its process and what it says of itself.

    Use list_agents to find the name; whether its process is alive, get_agent_instance_status says.
    """
    rows = AGENTS.rows.where(AGENTS.table.c.instance_name == name)
    row = call.session.execute(rows).mappings().one_or_none()
    if row is None:
        raise AgentNotFound(f"There is no agent {name!r}; list_agents(status='all') names them.")
    urls = [call.shown_at("Agents", "/system/")]
    return AgentDetail.model_validate({**row, "monitor_urls": urls})


@toolbox.tool("get_agent_instance_status", "swf_get_agent_instance_status")
def get_agent_instance_status(call: Call, *, instance_name: Name) -> InstanceStatus:
    """How the process of one agent is: since when it is silent, where it runs, and as what.

    For the program that a supervisor runs it as, use list_supervised_agents.
    """
    found = get_agent(call, name=instance_name)
    silent = None
    if found.last_heartbeat is not None:
        silent = max(0.0, (now() - found.last_heartbeat).total_seconds())
    is_alive = found.status != AgentStatus.EXITED
    return InstanceStatus(**found.model_dump(), silent_seconds=silent, is_alive=is_alive)


def _with_status(status: str | None) -> ColumnElement[bool]:
    if status is None:
        return _STATUS.not_in([AgentStatus.EXITED.value])
    return true() if status.lower() == _ALL else _STATUS.in_([status.upper()])
