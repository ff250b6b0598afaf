"""Workflows started, stopped and ended, for assistants. Keys: fastmon contract section 7.4."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from api.http.fields import UtcTime
from api.http.tools.answers import MonitorUrl
from api.http.tools.arguments import Name
from api.http.tools.calls import Call
from api.http.tools.declaration import Toolbox
from api.requests.views import Triggered, triggered
from api.workflows.queries import detail, recorded
from api.workflows.tools.executions import execution_url
from blocks.errors import Refused
from flows.common import requests
from flows.common.actions import Action
from flows.common.callers import Scope
from flows.common.database import now
from flows.testbed import repository as testbed
from flows.workflows.actions import RUN_WORKFLOW, STOP_WORKFLOW
from flows.workflows.models import ExecutionStatus

toolbox = Toolbox(
    advice={detail.ExecutionNotFound: "list_workflow_executions has those that there are."}
)

_SOURCE = "mcp"
Seconds = Annotated[int, Field(ge=0, description="Ended after so long; 0: when all is done.")]
Number = Annotated[int, Field(ge=0)]
Duration = Annotated[float, Field(ge=0)]


class NoNamespace(Refused):
    """Nobody said in which namespace the workflow is to run."""


class NotRunning(Refused):
    """The execution does not run, or not by hand."""


class Started(BaseModel):
    """A workflow that was asked for."""

    success: Literal[True] = True
    message: str
    workflow_name: str
    namespace: str
    config: str
    realtime: bool
    params: dict[str, Any]
    note: str
    request: Triggered = Field(description="The request that runs it, or the open one like it.")
    monitor_urls: list[MonitorUrl]


class Stopping(BaseModel):
    """An execution whose stop was asked for."""

    success: Literal[True] = True
    message: str
    execution_id: str
    namespace: str | None
    note: str
    request: Triggered
    monitor_urls: list[MonitorUrl]


class Ended(BaseModel):
    """An execution that was recorded as ended."""

    success: Literal[True] = True
    execution_id: str
    old_status: str
    new_status: str
    start_time: UtcTime
    end_time: UtcTime
    monitor_urls: list[MonitorUrl]


@toolbox.tool("start_workflow", "swf_start_workflow", scope=Scope.REQUEST)
def start_workflow(
    call: Call,
    *,
    workflow_name: Name | None = None,
    namespace: Annotated[Name | None, Field(description="Unset: that of your testbed.")] = None,
    config: Name | None = None,
    realtime: bool | None = None,
    duration: Seconds = 0,
    stf_count: Number | None = None,
    physics_period_count: Number | None = None,
    physics_period_duration: Duration | None = None,
    stf_interval: Duration | None = None,
) -> Started:
    """Start a workflow that plays the data acquisition in a namespace, which runs one at a time.

    What is left out is the configuration's. The answer has the request; its execution appears in
    list_workflow_executions, and get_workflow_monitor follows it.
    """
    params = {
        "stf_count": stf_count,
        "physics_period_count": physics_period_count,
        "physics_period_duration": physics_period_duration,
        "stf_interval": stf_interval,
    }
    chosen = {
        "workflow": workflow_name,
        "namespace": namespace or _own_namespace(call),
        "config": config,
        "realtime": realtime,
        "duration_seconds": duration,
        **params,
    }
    form = RUN_WORKFLOW.parse({name: each for name, each in chosen.items() if each is not None})
    said = form.model_dump(mode="json")
    request = _ask(call, RUN_WORKFLOW, form)
    return Started(
        message=f"Workflow {said['workflow']} was {'asked for' if request.is_new else 'open'}",
        workflow_name=said["workflow"],
        namespace=said["namespace"],
        config=said["config"],
        realtime=said["realtime"],
        params={name: said[name] for name in params if said[name] is not None},
        note="It begins soon; get_request tells what came of the request.",
        request=request,
        monitor_urls=[_workflows(call, said["namespace"])],
    )


@toolbox.tool(
    "stop_workflow", "swf_stop_workflow", scope=Scope.REQUEST, is_destructive=True,
    is_idempotent=True,
)  # fmt: skip
def stop_workflow(call: Call, *, execution_id: Name) -> Stopping:
    """Stop an execution that prodops runs, which ends with its end_run.

    For one that only its row says to be running, because its runner is gone, use end_execution.
    """
    execution = detail.find(call.session, execution_id)
    form = STOP_WORKFLOW.parse({"execution_id": execution_id})
    return Stopping(
        message=f"The stop of execution {execution_id} was asked for",
        execution_id=execution_id,
        namespace=execution.namespace,
        note="It stops at its next step; get_workflow_monitor tells when it has.",
        request=_ask(call, STOP_WORKFLOW, form),
        monitor_urls=[_workflows(call, execution.namespace)],
    )


@toolbox.tool("end_execution", "swf_end_execution", scope=Scope.REQUEST, is_destructive=True)
def end_execution(call: Call, *, execution_id: Name) -> Ended:
    """Record a running execution as terminated; nothing is stopped by it, and nothing deleted.

    Use it for one whose runner is gone. To stop one that runs, use stop_workflow.
    """
    row = recorded.find(call.session, execution_id)
    call.caller.require_own(row["executed_by"], f"Ending what {row['executed_by']} executes")
    run = recorded.open_run(call.session, execution_id)
    if run is not None:
        text = f"Request {run.request_id} runs {execution_id}: stop it by stop_workflow."
        raise NotRunning(text)
    at = now()
    if not recorded.terminate(call.session, execution_id, at):
        raise NotRunning(f"{execution_id} does not run: its status is {row['status']}.")
    return Ended(
        execution_id=execution_id,
        old_status=row["status"],
        new_status=ExecutionStatus.TERMINATED,
        start_time=row["start_time"],
        end_time=at,
        monitor_urls=[execution_url(call, execution_id)],
    )


def _ask(call: Call, action: Action, form: Any) -> Triggered:
    accepted = requests.accept(call.session, action, form, caller=call.caller, source=_SOURCE)
    url = call.link(f"/requests/{accepted.id}/")
    return triggered(accepted, call.settings).model_copy(update={"url": url})


def _own_namespace(call: Call) -> str:
    """The namespace of the caller's testbed."""
    found = testbed.namespace_of(call.session, call.caller.name)
    if found is None:
        raise NoNamespace(
            f"No one namespace of {call.caller.name} is known: name one "
            "(list_namespaces has those that are registered)."
        )
    return found


def _workflows(call: Call, namespace: str | None) -> MonitorUrl:
    return call.shown_at("Workflows", "/workflows/", namespace=namespace)
