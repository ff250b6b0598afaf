"""The JSON of production tasks, with their attempts, outputs and open requests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from api.http.fields import UtcTime
from api.pcs.domain.effective import input_dids
from api.pcs.models import ProdTask
from api.pcs.queries.tasks import open_requests
from api.pcs.services import plans
from api.pcs.views.catalogue import RowView, columns
from flows.common.models import Request
from flows.common.settings import Settings
from flows.provenance.schemas import output_entry


class AttemptView(RowView):
    """An attempt of a task at PanDA."""

    id: int
    try_number: int
    task_name: str
    jedi_task_id: int | None
    out_ds: str
    log_ds: str
    site: str
    status_snapshot: str
    association_source: str
    match_reason: str
    metadata: dict[str, Any] = Field(validation_alias="meta")
    current: bool
    created_at: UtcTime
    updated_at: UtcTime


class OpenRequestView(BaseModel):
    """The open submission request of a task."""

    id: int
    state: str
    url: str
    created_at: UtcTime
    error: str | None
    not_before: UtcTime | None
    flow_run_url: str | None


class TaskView(BaseModel):
    """A production task.

    `readiness`: why it is not ready; empty where it is. `shown_status`: as `status`, but
    `partly completed` where inputs failed for good; how many is in the attempt's `metadata`.
    """

    id: int
    name: str
    composed_name: str
    description: str
    status: str
    shown_status: str
    campaign: str | None
    dataset: int
    dataset_name: str
    dataset_did: str
    prod_config: int
    prod_config_name: str
    prod_request: int | None
    requestor: str
    priority: int | None
    pre_tdr_use: bool
    early_science_use: bool
    other_use: bool
    new_request: bool
    csv_file: str
    overrides: dict[str, Any] | None
    input_dataset_dids: list[str]
    output_dataset_dids: list[str]
    intermediate_dataset_dids: list[str]
    condor_command: str
    panda_command: str
    panda_task_id: int | None
    panda_tasks: list[AttemptView]
    condor_cluster_id: str
    readiness: list[str]
    request: OpenRequestView | None
    is_relaxed: bool
    created_by: str
    created_at: UtcTime
    updated_at: UtcTime


class SubmittedTaskView(TaskView):
    """A task whose submission was requested; `warnings` under the relaxed rules."""

    warnings: list[str]


# ------------------------------------------------------------------ rows as JSON


def task_view(session: Session, task: ProdTask, settings: Settings) -> TaskView:
    """A task, with its readiness and its open request."""
    return task_views(session, [task], settings)[0]


def task_views(session: Session, tasks: Sequence[ProdTask], settings: Settings) -> list[TaskView]:
    """Tasks, with their readiness and their open requests."""
    reasons = plans.readiness(session, tasks, is_relaxed=settings.pcs.relaxed)
    requests = open_requests(session, [task.name for task in tasks])
    return [
        TaskView.model_validate(
            _task_fields(task)
            | {
                "readiness": reasons[task.id],
                "request": _request_view(requests.get(task.name), settings),
                "is_relaxed": settings.pcs.relaxed,
            }
        )
        for task in tasks
    ]


def _task_fields(task: ProdTask) -> dict[str, Any]:
    overrides = task.overrides or {}
    outputs = [output.did for output in task.outputs]
    return columns(task) | {
        "composed_name": task.dataset.composed_name,
        "shown_status": task.shown_status,
        "campaign": task.campaign.name if task.campaign is not None else None,
        "dataset": task.dataset_id,
        "dataset_name": task.dataset.dataset_name,
        "dataset_did": task.dataset.did,
        "prod_config": task.prod_config_id,
        "prod_config_name": task.prod_config.name,
        "prod_request": task.request_id,
        "overrides": _overrides(task),
        "input_dataset_dids": input_dids(overrides),
        "output_dataset_dids": overrides.get("output_dataset_dids") or outputs,
        "intermediate_dataset_dids": overrides.get("intermediate_dataset_dids", []),
        "panda_tasks": task.attempts,
    }


def _overrides(task: ProdTask) -> dict[str, Any] | None:
    """The overrides with the outputs in them, as peers read both."""
    if not task.outputs:
        return task.overrides
    return (task.overrides or {}) | {"outputs": [output_entry(each) for each in task.outputs]}


def _request_view(request: Request | None, settings: Settings) -> OpenRequestView | None:
    if request is None:
        return None
    links = {
        "url": f"{settings.stack.root_path}/api/requests/{request.id}/",
        "flow_run_url": settings.prefect.flow_run_url(request.flow_run_id),
    }
    return OpenRequestView.model_validate(columns(request) | links)
