"""Production tasks, for assistants: listed, read, taken in, and changed before their submission."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, Field

from api.http.tools.answers import MonitorUrl
from api.http.tools.arguments import Name, Offset, Text
from api.http.tools.calls import Call
from api.http.tools.declaration import Toolbox
from api.http.tools.speaking import UNNAMED
from api.pcs.errors import UnknownStatus
from api.pcs.models import Dataset, ProdTask, TaskStatus
from api.pcs.queries import tasks as queries
from api.pcs.schemas.fields import Did, Key
from api.pcs.schemas.tasks import TaskIntakeForm
from api.pcs.services import artifacts, submission, tasks
from api.pcs.tools.common import TASK_ADVICE, CreatedBy, PageSize, TaskName, actor, task_url
from api.pcs.views.tasks import TaskView, task_view, task_views
from api.provenance.queries import campaigns
from blocks.errors import Invalid
from flows.common.callers import Scope

toolbox = Toolbox(
    advice={**TASK_ADVICE, UnknownStatus: "pcs_prodtask_submit alone makes a task submitted."}
)

_ITEM_FIELDS: Final = (
    "composed_name", "name", "status", "shown_status", "panda_task_id", "panda_tasks",
    "output_dataset_dids", "input_dataset_dids", "intermediate_dataset_dids",
)  # fmt: skip
_DETAIL_FIELDS: Final = (
    "description", "overrides", "csv_file", "condor_cluster_id", "created_by", "created_at",
    "updated_at", "campaign", "readiness", "request",
)  # fmt: skip
_KEYS: Final = {"jedi": "taskParamMap", "evgen": "submissionSpec", "dump": "dump"}
"""Under which key an artifact is answered; a text's is `value`."""
_MOST_DIDS: Final = 1000


class TaskList(BaseModel):
    """A page of tasks; `count` is that of all pages."""

    count: int
    limit: int
    offset: int
    has_more: bool
    tasks: list[dict[str, Any]]
    monitor_urls: list[MonitorUrl]


class TaskChanged(BaseModel):
    """A task after a step."""

    task: dict[str, Any] = Field(description="As pcs_prodtask_get answers it.")


class TaskIntake(TaskIntakeForm):
    """A row of the public catalog, and whose the task is."""

    created_by: CreatedBy = UNNAMED


class TaskTaken(TaskChanged):
    """The task of a row of the public catalog, and whether it was made."""

    created: bool


# ------------------------------------------------------------------ reading


@toolbox.tool("pcs_prodtask_list")
def list_tasks(
    call: Call,
    *,
    status: Annotated[TaskStatus | None, Field(description="The status in PCS.")] = None,
    public_catalog_issue: Key | None = None,
    name_contains: Text | None = None,
    limit: PageSize = 20,
    offset: Offset = 0,
) -> TaskList:
    """Production tasks, oldest first, by status, issue of the public catalog or part of the name.

    For one task whose name is known, use pcs_prodtask_get; why one failed, explain_failure says.
    """
    issue = str(public_catalog_issue) if public_catalog_issue is not None else None
    wanted = queries.TaskFilter(
        status=status, public_catalog_issue=issue, name_contains=name_contains
    )
    count, rows = queries.page(call.session, wanted, limit=limit, offset=offset)
    views = task_views(call.session, rows, call.settings)
    return TaskList(
        count=count,
        limit=limit,
        offset=offset,
        has_more=offset + len(rows) < count,
        tasks=_items(call, rows, views),
        monitor_urls=[MonitorUrl(title="Production tasks", url=call.link("/pcs/tasks/"))],
    )


@toolbox.tool("pcs_prodtask_get")
def get_task(call: Call, *, name: TaskName) -> dict[str, Any]:
    """One production task with its attempts at PanDA, its configuration and why it is not ready.

    What it would run, pcs_prodtask_artifact says.
    """
    return _detail(call, queries.resolve(call.session, name))


@toolbox.tool("pcs_prodtask_artifact")
def get_artifact(
    call: Call,
    *,
    name: TaskName,
    fmt: Annotated[
        Literal["condor", "panda", "jedi", "evgen", "dump"],
        Field(description="panda: the prun command; jedi, evgen: for PanDA; dump: all of it."),
    ] = "dump",
) -> dict[str, Any]:
    """What a task amounts to for whoever runs it, in one format. It starts nothing.

    To submit the task, use pcs_prodtask_submit.
    """
    task = queries.resolve(call.session, name)
    wanted = artifacts.Wanted(
        session=call.session,
        task=task,
        attempt_id=None,
        stale_before=campaigns.stale_before(call.settings),
    )
    made = artifacts.compose(fmt, wanted)
    key = "value" if isinstance(made, str) else _KEYS[fmt]
    return {"name": task.name, "fmt": fmt, key: made, "url": task_url(call, task.name)}


# ------------------------------------------------------------------ writing


@toolbox.tool("pcs_prodtask_intake", scope=Scope.REQUEST, is_idempotent=True)
def take_in(call: Call, order: TaskIntake) -> TaskTaken:
    """Make the draft task of a row of the public catalog, or find it and add what is new.

    The row is named by its issue, or by csv_path and row_key; a new task needs name, dataset and
    prod_config. For the inputs of a task that is there, use pcs_prodtask_link_input.
    """
    values = order.model_dump(exclude_unset=True, exclude={"created_by"})
    task, is_new = tasks.take_in(call.session, values, actor(call, order.created_by))
    return TaskTaken(created=is_new, task=_detail(call, task))


@toolbox.tool("pcs_prodtask_link_input", scope=Scope.REQUEST, is_idempotent=True)
def link_input(
    call: Call,
    *,
    task_name: TaskName,
    did: Did | None = None,
    dids: Annotated[list[Did], Field(max_length=_MOST_DIDS)] | None = None,
) -> TaskChanged:
    """Set the input datasets of a draft task: one did, or several dids, which replace the former.

    A task that is ready is set back to draft first (pcs_prodtask_set_status).
    """
    wanted = dids or ([did] if did else [])
    if not wanted or (did and dids):
        raise Invalid({"did": ["Give either did or dids."]})
    task = tasks.link_input(call.session, task_name, wanted, actor(call))
    return TaskChanged(task=_detail(call, task))


@toolbox.tool(
    "pcs_prodtask_set_status", scope=Scope.REQUEST, is_destructive=True, is_idempotent=True
)
def set_status(
    call: Call,
    *,
    task_name: TaskName,
    status: Annotated[Name, Field(description="draft, ready, completed or failed.")],
) -> TaskChanged:
    """Make a draft ready (locked) or a ready task a draft again; or end a submitted one by hand.

    What was ended as completed or failed stays so. No task becomes submitted by this:
    pcs_prodtask_submit submits it.
    """
    task = submission.set_status(call.session, task_name, status, actor(call))
    return TaskChanged(task=_detail(call, task))


# ------------------------------------------------------------------ tasks as answered


def _items(call: Call, rows: Sequence[ProdTask], views: Sequence[TaskView]) -> list[dict[str, Any]]:
    inputs = queries.first_inputs(call.session, rows)
    return [
        view.model_dump(mode="json", include=set(_ITEM_FIELDS))
        | _source(inputs.get(row.id))
        | {"url": task_url(call, row.name)}
        for row, view in zip(rows, views, strict=True)
    ]


def _detail(call: Call, row: ProdTask) -> dict[str, Any]:
    view = task_view(call.session, row, call.settings)
    [item] = _items(call, [row], [view])
    more = view.model_dump(mode="json", include=set(_DETAIL_FIELDS))
    return item | more | {"prod_config": view.prod_config_name}


def _source(dataset: Dataset | None) -> dict[str, str]:
    return {
        "input_source_kind": dataset.source_kind or "" if dataset is not None else "",
        "input_source_location": dataset.source_location or "" if dataset is not None else "",
        "input_source_stage": dataset.stage if dataset is not None else "",
    }
