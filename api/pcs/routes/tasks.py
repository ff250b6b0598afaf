"""Production tasks: lists, one by name, the command that runs, making and changing."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import Query, Request, Response

from api.http.access import Reader
from api.http.errors import Rejection, reading, writing
from api.http.fields import MAX_INTEGER
from api.http.forms import Sent
from api.http.sessions import session_of, settings_of
from api.pcs.queries import tasks as queries
from api.pcs.routes.common import PREFIX, PcsRouter, Writer, by_name, required
from api.pcs.routes.records import Records, add_routes
from api.pcs.schemas.tasks import TaskForm, TaskIntakeForm
from api.pcs.services import plans, tasks
from api.pcs.views.tasks import TaskView, task_view, task_views
from flows.common.text import Text

router = PcsRouter(prefix=PREFIX)
_AT = "/prod-tasks"
_TAG = "production tasks"


@router.get(
    f"{_AT}/command/",
    tags=[_TAG],
    summary="The command of a task",
    response_class=Response,
    responses=reading(404, 409)
    | {200: {"content": {"text/plain": {}, "application/json": {}}, "description": "The text."}},
)
def command(
    request: Request,
    _caller: Reader,
    name: Text | None = None,
    fmt: Text = "panda",
    panda_tasks_id: Annotated[int | None, Query(ge=1, le=MAX_INTEGER)] = None,
) -> Response:
    """`fmt=panda` is the prun command as text; `jedi` and `dump` are JSON. Nothing is written."""
    named = required(name)
    if fmt not in plans.FORMATS:
        raise Rejection(400, {"detail": f"fmt must be one of: {', '.join(plans.FORMATS)}"})
    with session_of(request) as session:
        task = queries.resolve(session, named, attempt_id=panda_tasks_id)
        if fmt == "panda":
            text = plans.prun_command(task, attempt_id=panda_tasks_id)
            return Response(text, media_type="text/plain")
        if fmt == "jedi":
            return _json(plans.jedi_parameters(task, attempt_id=panda_tasks_id))
        return _json(plans.dump(task))


def _json(value: dict[str, Any]) -> Response:
    return Response(json.dumps(value, indent=2), media_type="application/json")


@router.writes(
    f"{_AT}/intake/",
    "Import a row of the public catalog",
    TaskIntakeForm,
    {"public_catalog_issue": 123, "name": "dis-10x100", "dataset": 1, "prod_config": 1},
    tags=[_TAG],
    responses={**writing(), 201: {"model": TaskView, "description": "Created."}},
)
def take_task_in(request: Request, actor: Writer, sent: Sent, response: Response) -> TaskView:
    """200 where the row's task is there already, and takes what is new; else 201."""
    values = sent.read(TaskIntakeForm)
    with session_of(request) as session:
        task, is_new = tasks.take_in(session, values, actor)
        response.status_code = 201 if is_new else 200
        return task_view(session, task, settings_of(request))


add_routes(
    router,
    Records(
        prefix=_AT,
        tag=_TAG,
        name="task",
        words="production task",
        view=TaskView,
        show=task_views,
        form=TaskForm,
        example={
            "name": "dis-10x100-minq2-1",
            "dataset": 1,
            "prod_config": 1,
            "description": "DIS NC, 10x100, Q2 > 1",
            "overrides": {"data": {"n_jobs": 100}},
        },
        changes_example={"priority": 1},
        # A stored name may hold slashes (imported rows do), so the rest of the path is the name.
        key="{name:path}",
        read_key=by_name,
        not_one=(404, 409),
        filters=queries.TaskFilter,
        find=queries.tasks,
        get=queries.resolve,
        add=tasks.add,
        change=tasks.change,
        delete=tasks.delete,
        texts={
            "list": "All as a bare array, oldest first. `name` matches like the path of one "
            "task, but may match several.",
            "get": "By composed name, stored name or key, in this order; 409 if several match.",
            "add": "A draft; status, id and attempts are never written here.",
            "change": "Only drafts change; `overrides` is replaced as a whole.",
            "delete": "409 where it has attempts: what was submitted stays on record.",
        },
    ),
)
