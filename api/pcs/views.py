"""The JSON that the embedded PCS answers with (ops contract section 2.6)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ConfigDict
from sqlalchemy.orm import Session

from api.pcs.models import (
    Attempt,
    Campaign,
    Dataset,
    Output,
    PhysicsCategory,
    ProdConfig,
    ProdRequest,
    ProdTask,
    Tag,
)
from api.pcs.services import open_requests, plans
from api.testbed.fields import UtcTime
from flows.common.models import Request
from flows.common.settings import Settings


class _View(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class CategoryView(_View):
    """A physics category."""

    digit: int
    name: str
    description: str
    created_by: str
    created_at: UtcTime
    tag_count: int = 0


class TagView(_View):
    """A tag."""

    id: int
    tag_number: int
    tag_label: str
    status: str
    description: str
    parameters: dict[str, Any]
    created_by: str
    created_at: UtcTime
    updated_at: UtcTime


class PhysicsTagView(TagView):
    """A physics tag, with its category."""

    category: int
    category_name: str


class CampaignView(_View):
    """A campaign; `clone_of` is another one's key."""

    id: int
    name: str
    lifecycle: str
    description: str
    start_date: date | None
    end_date: date | None
    clone_of: int | None
    data: dict[str, Any]
    created_by: str
    created_at: UtcTime
    updated_at: UtcTime


class DatasetView(_View):
    """A block of a dataset; tags by key and by label."""

    id: int
    dataset_name: str
    composed_name: str
    scope: str
    detector_version: str
    detector_config: str
    campaign: str | None
    physics_tag: int | None
    physics_tag_label: str | None
    evgen_tag: int | None
    evgen_tag_label: str | None
    simu_tag: int | None
    simu_tag_label: str | None
    reco_tag: int | None
    reco_tag_label: str | None
    background_tag: int | None
    background_tag_label: str | None
    sample_name: str
    block_num: int
    blocks: int
    did: str
    file_count: int | None
    data_size: int | None
    description: str
    metadata: Any
    created_by: str
    created_at: UtcTime


class ProdConfigView(_View):
    """A production configuration."""

    id: int
    name: str
    description: str
    bg_mixing: bool
    bg_cross_section: str
    bg_evtgen_file: str
    copy_reco: bool
    copy_full: bool
    copy_log: bool
    use_rucio: bool
    jug_xl_tag: str
    container_image: str
    target_hours_per_job: Decimal | None
    events_per_task: int | None
    condor_template: str
    panda_site: str
    panda_queue: str
    panda_working_group: str
    panda_resource_type: str
    rucio_rse: str
    rucio_replication_rules: Any
    data: Any
    created_by: str
    created_at: UtcTime
    updated_at: UtcTime


class ProdRequestView(_View):
    """A production request."""

    id: int
    requestor: str
    simu_path: str
    gen_config: str
    nevents: int | None
    background: str
    description: str
    priority: int | None
    pre_tdr_use: bool
    early_science_use: bool
    other_use: bool
    new_request: bool
    status: str
    source_url: str
    source_row: str
    input_status: str
    rucio_source: str
    validation_status: str
    data: dict[str, Any]
    created_by: str
    created_at: UtcTime
    updated_at: UtcTime


class AttemptView(_View):
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
    metadata: dict[str, Any]
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
    """A production task. `readiness`: why it is not ready; empty where it is."""

    id: int
    name: str
    composed_name: str
    description: str
    status: str
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
    """A task whose submission was asked for; `warnings` under the relaxed rules."""

    warnings: list[str]


# ------------------------------------------------------------------ rows as JSON


def category_view(category: PhysicsCategory, tag_count: int) -> CategoryView:
    """A category with the count of its tags."""
    return CategoryView.model_validate(category).model_copy(update={"tag_count": tag_count})


def tag_view(tag: Tag) -> TagView:
    """A tag; a physics tag with its category."""
    shown = TagView.model_validate(tag)
    if tag.category is None:
        return shown
    category = {"category": tag.category.digit, "category_name": tag.category.name}
    return PhysicsTagView.model_validate(shown.model_dump() | category)


def campaign_view(campaign: Campaign) -> CampaignView:
    """A campaign."""
    return CampaignView.model_validate(_columns(campaign) | {"clone_of": campaign.clone_of_id})


def dataset_view(dataset: Dataset) -> DatasetView:
    """A block of a dataset."""
    fields = _columns(dataset) | {"metadata": dataset.meta}
    fields["campaign"] = dataset.campaign.name if dataset.campaign is not None else None
    for kind in ("physics", "evgen", "simu", "reco", "background"):
        tag: Tag | None = getattr(dataset, f"{kind}_tag")
        fields[f"{kind}_tag"] = tag.id if tag is not None else None
        fields[f"{kind}_tag_label"] = tag.tag_label if tag is not None else None
    return DatasetView.model_validate(fields)


def config_view(config: ProdConfig) -> ProdConfigView:
    """A configuration."""
    return ProdConfigView.model_validate(config)


def prod_request_view(request: ProdRequest) -> ProdRequestView:
    """A production request."""
    return ProdRequestView.model_validate(request)


def attempt_view(attempt: Attempt) -> AttemptView:
    """An attempt."""
    return AttemptView.model_validate(_columns(attempt) | {"metadata": attempt.meta})


def task_view(session: Session, task: ProdTask, settings: Settings) -> TaskView:
    """A task, with its readiness and its open request."""
    return task_views(session, [task], settings)[0]


def task_views(session: Session, tasks: Sequence[ProdTask], settings: Settings) -> list[TaskView]:
    """Tasks, with their readiness and their open requests."""
    reasons = plans.readiness(session, tasks, is_relaxed=settings.pcs.relaxed)
    requests = open_requests.of_tasks(session, [task.name for task in tasks])
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
    one = overrides.get("input_dataset_did")
    outputs = [output.did for output in task.outputs]
    return _columns(task) | {
        "composed_name": task.dataset.composed_name,
        "campaign": task.campaign.name if task.campaign is not None else None,
        "dataset": task.dataset_id,
        "dataset_name": task.dataset.dataset_name,
        "dataset_did": task.dataset.did,
        "prod_config": task.prod_config_id,
        "prod_config_name": task.prod_config.name,
        "prod_request": task.request_id,
        "overrides": _overrides(task),
        "input_dataset_dids": [one] if one else overrides.get("input_dataset_dids", []),
        "output_dataset_dids": overrides.get("output_dataset_dids") or outputs,
        "intermediate_dataset_dids": overrides.get("intermediate_dataset_dids", []),
        "panda_tasks": [attempt_view(attempt) for attempt in task.attempts],
    }


def _overrides(task: ProdTask) -> dict[str, Any] | None:
    """The overrides with the outputs in them, as peers read both."""
    if not task.outputs:
        return task.overrides
    return {**(task.overrides or {}), "outputs": [_output(each) for each in task.outputs]}


def _output(output: Output) -> dict[str, Any]:
    return {
        "did": output.did,
        "stage": output.stage,
        "version": output.version,
        "filters": output.filters,
        "rses": output.rses,
        "file_count": output.file_count,
        "bytes": output.size_bytes,
        "complete": output.is_complete,
        "checked_at": output.checked_at.isoformat() if output.checked_at is not None else None,
    }


def _request_view(request: Request | None, settings: Settings) -> OpenRequestView | None:
    if request is None:
        return None
    ui, run = settings.prefect.ui_url, request.flow_run_id
    return OpenRequestView(
        id=request.id,
        state=request.state,
        url=f"{settings.stack.root_path}/api/requests/{request.id}/",
        created_at=request.created_at,
        error=request.error,
        not_before=request.not_before,
        flow_run_url=f"{ui.rstrip('/')}/runs/flow-run/{run}" if ui and run else None,
    )


def _columns(row: Any) -> dict[str, Any]:
    return {each.key: getattr(row, each.key) for each in type(row).__mapper__.column_attrs}
