"""Executions of workflows, for assistants."""

from __future__ import annotations

from api.http.tools.answers import MonitorUrl, Page, page
from api.http.tools.arguments import Limit, Name, Offset
from api.http.tools.calls import Call
from api.http.tools.declaration import Toolbox
from api.workflows.queries import executions
from api.workflows.queries.executions import Filter
from api.workflows.views import ExecutionView

toolbox = Toolbox()


@toolbox.tool("list_workflow_executions", "swf_list_workflow_executions")
def list_workflow_executions(
    call: Call,
    *,
    namespace: Name | None = None,
    status: Name | None = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> Page[ExecutionView]:
    """Executions of workflows, the newest first. To see one whole, use get_workflow_execution."""
    wanted = Filter(namespace=namespace or "", status=status or "")
    total, rows = executions.page(call.session, wanted, limit=limit, offset=offset)
    urls = [MonitorUrl(title="Workflows", url=call.link("/workflows/"))]
    return page(rows, total, offset=offset, urls=urls)
