"""Production tasks: lists, one by name, the command that runs, making and changing."""

from __future__ import annotations

import json
from typing import Annotated, Any, Final

from fastapi import Query, Request, Response

from api.http.access import Reader
from api.http.errors import Rejection, reading, writing
from api.http.fields import MAX_INTEGER
from api.http.forms import Sent, body, partial
from api.http.sessions import session_of, settings_of
from api.pcs import views
from api.pcs.forms import TaskForm, TaskIntakeForm
from api.pcs.routes.common import PREFIX, Filter, Name, PcsRouter, Writer, required
from api.pcs.services import intake, plans, task_writes, tasks

# A stored name may hold slashes (imported rows do), so `name` takes the rest of the path.
router = PcsRouter(prefix=f"{PREFIX}/prod-tasks", tags=["production tasks"])

_EXAMPLE: Final = {
    "name": "dis-10x100-minq2-1",
    "dataset": 1,
    "prod_config": 1,
    "description": "DIS NC, 10x100, Q2 > 1",
    "overrides": {"data": {"n_jobs": 100}},
}


@router.get("/", summary="List production tasks", responses=reading())
def list_tasks(
    request: Request,
    _caller: Reader,
    status: Filter | None = None,
    campaign: Filter | None = None,
    name: Filter | None = None,
    name_contains: Filter | None = None,
    public_catalog_issue: Filter | None = None,
    created_by: Filter | None = None,
    has_request: bool | None = None,  # noqa: FBT001 - the query's word
) -> list[views.TaskView]:
    """All as a bare array, oldest first. `name` finds as one task's path does, several too."""
    wanted = tasks.Wanted(
        status=status,
        campaign=campaign,
        name=name,
        name_contains=name_contains,
        public_catalog_issue=public_catalog_issue,
        created_by=created_by,
        has_request=has_request,
    )
    with session_of(request) as session:
        return views.task_views(session, tasks.tasks(session, wanted), settings_of(request))


@router.get(
    "/command/",
    summary="What a task runs",
    response_class=Response,
    responses=reading(404, 409)
    | {200: {"content": {"text/plain": {}, "application/json": {}}, "description": "The text."}},
)
def command(
    request: Request,
    _caller: Reader,
    name: Filter | None = None,
    fmt: Filter = "panda",
    panda_tasks_id: Annotated[int | None, Query(ge=1, le=MAX_INTEGER)] = None,
) -> Response:
    """`fmt=panda` is the prun command as text; `jedi` and `dump` are JSON. Nothing is written."""
    named = required(name)
    if fmt not in plans.FORMATS:
        raise Rejection(400, {"detail": f"fmt must be one of: {', '.join(plans.FORMATS)}"})
    with session_of(request) as session:
        task = tasks.resolve(session, named, attempt_id=panda_tasks_id)
        if fmt == "panda":
            text = plans.prun_command(task, attempt_id=panda_tasks_id)
            return Response(text, media_type="text/plain")
        if fmt == "jedi":
            return _json(plans.jedi_parameters(task, attempt_id=panda_tasks_id))
        return _json(plans.dump(task))


@router.get("/{name:path}/", summary="One production task", responses=reading(404, 409))
def get_task(name: Name, request: Request, _caller: Reader) -> views.TaskView:
    """By composed name, stored name or key, in this order; 409 where it means several."""
    with session_of(request) as session:
        return views.task_view(session, tasks.resolve(session, name), settings_of(request))


@router.post(
    "/",
    status_code=201,
    summary="Make a production task",
    responses=writing(),
    openapi_extra=body(TaskForm, _EXAMPLE),
)
def add_task(request: Request, actor: Writer, sent: Sent) -> views.TaskView:
    """A draft; status, id and attempts are never written here."""
    values = sent.read(TaskForm)
    with session_of(request) as session:
        return views.task_view(
            session, task_writes.add(session, values, actor), settings_of(request)
        )


@router.post(
    "/intake/",
    summary="Take a row of the public catalog in",
    responses={**writing(), 201: {"model": views.TaskView, "description": "It was made."}},
    openapi_extra=body(
        TaskIntakeForm,
        {"public_catalog_issue": 123, "name": "dis-10x100", "dataset": 1, "prod_config": 1},
    ),
)
def take_task_in(request: Request, actor: Writer, sent: Sent, response: Response) -> views.TaskView:
    """200 where the row's task is there already, and takes what is new; else 201."""
    values = sent.read(TaskIntakeForm)
    with session_of(request) as session:
        task, is_new = intake.take_task_in(session, values, actor)
        response.status_code = 201 if is_new else 200
        return views.task_view(session, task, settings_of(request))


@router.put(
    "/{name:path}/",
    summary="Set the fields of a production task",
    responses=writing(),
    openapi_extra=body(TaskForm, _EXAMPLE),
)
def replace_task(name: Name, request: Request, actor: Writer, sent: Sent) -> views.TaskView:
    """Optional fields that were not sent keep their values."""
    values = sent.read(TaskForm)
    with session_of(request) as session:
        task = task_writes.change(session, name, values, actor)
        return views.task_view(session, task, settings_of(request))


@router.patch(
    "/{name:path}/",
    summary="Change a production task",
    responses=writing(),
    openapi_extra=body(partial(TaskForm), {"priority": 1}),
)
def change_task(name: Name, request: Request, actor: Writer, sent: Sent) -> views.TaskView:
    """Only drafts change; `overrides` is replaced as a whole."""
    values = sent.read(partial(TaskForm))
    with session_of(request) as session:
        task = task_writes.change(session, name, values, actor)
        return views.task_view(session, task, settings_of(request))


@router.delete(
    "/{name:path}/",
    status_code=204,
    summary="Delete a production task",
    responses=writing(),
)
def delete_task(name: Name, request: Request, actor: Writer) -> None:
    """409 where it has attempts: what was submitted stays on record."""
    with session_of(request) as session:
        task_writes.delete(session, name, actor)


def _json(value: dict[str, Any]) -> Response:
    return Response(json.dumps(value, indent=2), media_type="application/json")
