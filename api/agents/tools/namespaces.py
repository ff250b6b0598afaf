"""Namespaces of the testbed, for assistants. Keys: fastmon contract section 7.4."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from api.agents.queries import namespaces
from api.http.fields import UtcTime
from api.http.tools.answers import MonitorUrl, Page, page
from api.http.tools.arguments import Limit, Name, Offset, Time, since
from api.http.tools.calls import Call
from api.http.tools.declaration import Toolbox
from flows.common.database import now

toolbox = Toolbox()


class NamespaceItem(BaseModel):
    """A namespace; nulls: nobody has registered it, and it may be in use all the same."""

    model_config = ConfigDict(from_attributes=True)

    name: str
    owner: str | None
    description: str | None


class TimeRange(BaseModel):
    """From when to when is counted."""

    start: UtcTime
    end: UtcTime


class NamespaceDetail(NamespaceItem):
    """A namespace, and what goes on in it."""

    agent_count: int
    execution_count: int = Field(description="Executions of workflows that began in the time.")
    message_count: int
    active_users: list[str] = Field(description="Whose executions these are.")
    time_range: TimeRange
    monitor_urls: list[MonitorUrl]


@toolbox.tool("list_namespaces", "swf_list_namespaces")
def list_namespaces(call: Call, *, limit: Limit = 100, offset: Offset = 0) -> Page[NamespaceItem]:
    """The registered namespaces, which keep users' testbeds apart, by name.

    Use it to find a name or an owner; what goes on in one, get_namespace says.
    """
    total, rows = namespaces.page(call.session, limit=limit, offset=offset)
    items = [NamespaceItem.model_validate(row) for row in rows]
    return page(items, total, offset=offset, urls=[call.shown_at("Workflows", "/workflows/")])


@toolbox.tool("get_namespace", "swf_get_namespace")
def get_namespace(
    call: Call, *, namespace: Name, start_time: Time | None = None, end_time: Time | None = None
) -> NamespaceDetail:
    """Whose a namespace is, and how many agents, executions and messages it has.

    Counted are the last 24 hours unless start_time says otherwise. For the agents themselves, use
    list_agents; for the executions, list_workflow_executions.
    """
    start, end = since(start_time, hours=24), end_time or now()
    found = namespaces.activity(call.session, namespace, start=start, end=end)
    return NamespaceDetail(
        name=namespace,
        owner=found.owner,
        description=found.description,
        agent_count=found.agents,
        execution_count=found.executions,
        message_count=found.messages,
        active_users=list(found.users),
        time_range=TimeRange(start=start, end=end),
        monitor_urls=[call.shown_at("Workflows", "/workflows/", namespace=namespace)],
    )
