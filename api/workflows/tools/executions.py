"""Definitions and executions of workflows, for assistants. Keys: fastmon contract section 7.4."""

from __future__ import annotations

from typing import Annotated, Any, Final
from urllib.parse import quote

from pydantic import BaseModel, Field

from api.http.fields import UtcTime
from api.http.tools.answers import MonitorUrl, Page, page
from api.http.tools.arguments import Limit, Name, Offset, Time, since
from api.http.tools.calls import Call
from api.http.tools.declaration import Toolbox
from api.workflows.queries import detail, executions, recorded
from api.workflows.queries.recorded import Wanted
from api.workflows.views import ExecutionView
from flows.agents.models import WorkflowDefinition
from flows.workflows.models import ExecutionStatus

toolbox = Toolbox(
    advice={detail.ExecutionNotFound: "list_workflow_executions has those that there are."}
)

_STATUS: Final = Field(
    description=f"{', '.join(ExecutionStatus)}, or another word that its runner has written."
)


class DefinitionItem(BaseModel):
    """A version of a workflow's program."""

    workflow_name: str
    version: str
    workflow_type: str
    created_by: str
    created_at: UtcTime
    execution_count: int


class ExecutionItem(BaseModel):
    """An execution of a workflow."""

    execution_id: str
    workflow_name: str | None
    namespace: str | None
    status: str
    executed_by: str
    start_time: UtcTime
    end_time: UtcTime | None
    parameter_values: Any


class ExecutionWhole(ExecutionItem):
    """An execution, with its run where that is known."""

    performance_metrics: Any
    run: ExecutionView | None = Field(description="Its run, STFs and request.")
    monitor_urls: list[MonitorUrl]


@toolbox.tool("list_workflow_definitions", "swf_list_workflow_definitions")
def list_workflow_definitions(
    call: Call,
    *,
    workflow_type: Name | None = None,
    created_by: Name | None = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> Page[DefinitionItem]:
    """The programs of workflows that were executed, with how often.

    For their executions, use list_workflow_executions.
    """
    row = WorkflowDefinition
    wanted = [row.workflow_type == workflow_type] if workflow_type else []
    wanted += [row.created_by == created_by] if created_by else []
    total, rows = recorded.definitions(call.session, wanted, limit=limit, offset=offset)
    items = [DefinitionItem.model_validate(each) for each in rows]
    return page(items, total, offset=offset, urls=[call.shown_at("Workflows", "/workflows/")])


@toolbox.tool("list_workflow_executions", "swf_list_workflow_executions")
def list_workflow_executions(
    call: Call,
    *,
    namespace: Name | None = None,
    status: Annotated[Name | None, _STATUS] = None,
    executed_by: Name | None = None,
    workflow_name: Name | None = None,
    currently_running: Annotated[
        bool, Field(description="All that run now, whenever they began; status is not looked at.")
    ] = False,
    start_time: Time | None = None,
    end_time: Time | None = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> Page[ExecutionItem]:
    """Executions of workflows, the newest first.

    They are those that began within the last 24 hours unless start_time says otherwise; use
    currently_running for what runs now. To follow one, use get_workflow_monitor.
    """
    wanted = Wanted(
        namespace=namespace,
        status=ExecutionStatus.RUNNING if currently_running else status,
        executed_by=executed_by,
        workflow_name=workflow_name,
        since=None if currently_running else since(start_time, hours=24),
        until=None if currently_running else end_time,
    )
    total, rows = recorded.page(call.session, wanted, limit=limit, offset=offset)
    items = [ExecutionItem.model_validate(each) for each in rows]
    url = call.shown_at("Workflows", "/workflows/", namespace=namespace, status=wanted.status)
    return page(items, total, offset=offset, urls=[url])


@toolbox.tool("get_workflow_execution", "swf_get_workflow_execution")
def get_workflow_execution(call: Call, *, execution_id: Name) -> ExecutionWhole:
    """One execution with its parameters, its measurements and its data-taking run.

    Use it for what was executed, and with what; to follow how it goes, use get_workflow_monitor.
    """
    row = recorded.find(call.session, execution_id)
    run = executions.find(call.session, execution_id)
    urls = [execution_url(call, execution_id)]
    return ExecutionWhole.model_validate({**row, "run": run, "monitor_urls": urls})


def execution_url(call: Call, execution_id: str) -> MonitorUrl:
    """The page of an execution."""
    return call.shown_at(f"Execution {execution_id}", f"/workflows/{quote(execution_id, safe='')}/")
