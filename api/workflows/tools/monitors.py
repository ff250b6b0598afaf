"""How executions of workflows go, for assistants. Keys: fastmon contract section 7.4."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from pydantic import BaseModel, Field

from api.http.fields import UtcTime
from api.http.tools.answers import MonitorUrl, Page, page
from api.http.tools.arguments import Limit, Name, Offset, since
from api.http.tools.calls import Call
from api.http.tools.declaration import Toolbox
from api.workflows.queries import detail, executions, failures, messages
from api.workflows.queries.executions import Filter
from api.workflows.tools.executions import execution_url

toolbox = Toolbox(
    advice={detail.ExecutionNotFound: "list_workflow_executions has those that there are."}
)

_PHASES: Final = {
    "run_imminent": "imminent",
    "start_run": "running",
    "pause_run": "standby",
    "resume_run": "running",
    "end_run": "ended",
}


class MonitorItem(BaseModel):
    """An execution that can be followed."""

    execution_id: str
    status: str
    start_time: UtcTime
    end_time: UtcTime | None
    stf_count: int | None = Field(description="STFs that it has made; null: that is not known.")


class MonitorEvent(BaseModel):
    """A change of the run."""

    type: str
    time: UtcTime
    run_id: str | None


class MonitorError(BaseModel):
    """Something that went wrong."""

    time: UtcTime
    error: str
    source: str = Field(description="`message` or `log`.")


class Monitor(MonitorItem):
    """How an execution goes."""

    phase: str = Field(description="imminent, running, standby, ended; unknown: nothing was heard.")
    run_id: str | None
    events: list[MonitorEvent]
    errors: list[MonitorError]
    duration_seconds: float | None = Field(description="How long it took; null: it goes on.")
    monitor_urls: list[MonitorUrl]


@toolbox.tool("get_workflow_monitor", "swf_get_workflow_monitor")
def get_workflow_monitor(call: Call, *, execution_id: Name) -> Monitor:
    """How an execution goes: its phase, the changes of its run, its STFs, and what went wrong.

    Use it to follow a workflow that was started; once in 10 seconds is enough. With what it was
    started, get_workflow_execution says.
    """
    found = detail.find(call.session, execution_id)
    run_id = None if found.run_number is None else str(found.run_number)
    changes = messages.changes(call.session, found)
    return Monitor(
        execution_id=found.execution_id,
        status=found.status,
        phase=_phase(changes),
        run_id=run_id,
        stf_count=found.stf_count,
        events=[MonitorEvent(type=kind, time=at, run_id=run_id) for kind, at in changes],
        errors=[
            MonitorError.model_validate(each, from_attributes=True)
            for each in failures.of(call.session, found)
        ],
        start_time=found.began,
        end_time=found.ended,
        duration_seconds=found.took_seconds if found.ended else None,
        monitor_urls=[execution_url(call, execution_id)],
    )


@toolbox.tool("list_workflow_monitors", "swf_list_workflow_monitors")
def list_workflow_monitors(
    call: Call, *, limit: Limit = 20, offset: Offset = 0
) -> Page[MonitorItem]:
    """The executions that began within the last 24 hours, to choose one for get_workflow_monitor.

    To look further back, or by a filter, use list_workflow_executions.
    """
    wanted = Filter(since=since(None, hours=24))
    total, rows = executions.page(call.session, wanted, limit=limit, offset=offset)
    items = [
        MonitorItem(
            execution_id=each.execution_id,
            status=each.status,
            start_time=each.began,
            end_time=each.ended,
            stf_count=each.stf_count,
        )
        for each in rows
    ]
    return page(items, total, offset=offset, urls=[call.shown_at("Workflows", "/workflows/")])


def _phase(changes: list[tuple[str, datetime]]) -> str:
    kinds = [kind for kind, _ in changes if kind in _PHASES]
    return _PHASES[kinds[-1]] if kinds else "unknown"
