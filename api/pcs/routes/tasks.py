"""Production tasks: what becomes of submissions, a task's steps to PanDA, and tasks themselves.

Routes of words come before those of a name, which takes the rest of the path.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Query, Request, Response
from pydantic import BaseModel
from sqlalchemy.orm import Session

from api.http.access import Reader
from api.http.errors import Rejection, reading, writing
from api.http.fields import MAX_INTEGER
from api.http.forms import Sent
from api.http.sessions import session_of, settings_of
from api.pcs.models import ProdTask, TaskStatus
from api.pcs.queries import tasks as queries
from api.pcs.routes.common import PREFIX, Name, PcsRouter, Writer, by_name, named_in_query
from api.pcs.routes.records import Records, add_routes
from api.pcs.schemas import tasks as forms
from api.pcs.services import artifacts, imports, recording, submission, tasks
from api.pcs.views.tasks import SubmittedTaskView, TaskView, task_view, task_views
from api.provenance.queries import campaigns
from flows.common.text import Text
from flows.submission.schemas import TaskOperation

router = PcsRouter(prefix=f"{PREFIX}/prod-tasks", tags=["production tasks"])


class Associated(BaseModel):
    """The production task that a PanDA task was associated with."""

    task: str


class Commands(BaseModel):
    """The commands that were composed and stored."""

    condor_command: str
    panda_command: str


def required(name: str | None) -> str:
    """The task's name, as the query or the body has it.

    Raises:
        Rejection: 400, where neither names one.
    """
    if not name:
        raise Rejection(400, {"detail": "Missing ?name="})
    return name


def changed(request: Request, change: Callable[[Session], ProdTask]) -> TaskView:
    """The task that was changed, in one transaction."""
    with session_of(request) as session:
        return task_view(session, change(session), settings_of(request))


# ------------------------------------------------------------------ what the ops side records


@router.writes(
    "/record-submission/",
    "Record the id that PanDA gave",
    forms.SubmissionForm,
    {"jedi_task_id": 36439},
)
def record_submission(
    request: Request, actor: Writer, sent: Sent, name: Text | None = None
) -> TaskView:
    """The same id again changes nothing; another one for the same attempt is 409."""
    form = sent.parse(forms.SubmissionForm)
    named = required(name or form.name)
    with named_in_query(named):
        return changed(
            request, lambda session: recording.record_submission(session, named, form, actor)
        )


@router.writes(
    "/record-submission-failure/",
    "Record a failed submission",
    forms.FailureForm,
    {"panda_tasks_id": 1, "reason": "prun: bad token"},
)
def record_failure(
    request: Request, actor: Writer, sent: Sent, name: Text | None = None
) -> TaskView:
    """The task itself stays as it is; its next attempt has another name."""
    form = sent.parse(forms.FailureForm)
    named = required(name or form.name)
    with named_in_query(named):
        return changed(
            request, lambda session: recording.record_failure(session, named, form, actor)
        )


@router.writes(
    "/record-status/",
    "Record a task's state at PanDA",
    forms.ObservationForm,
    {"jedi_task_id": 36439, "panda_status": "done"},
)
def record_status(
    request: Request, actor: Writer, sent: Sent, name: Text | None = None
) -> TaskView:
    """Done and finished complete the task; failed, broken and aborted fail it."""
    form = sent.parse(forms.ObservationForm)
    named = required(name or form.name)
    with named_in_query(named):
        return changed(
            request, lambda session: recording.record_status(session, named, form, actor)
        )


@router.writes(
    "/associate/",
    "Associate a PanDA task by its name",
    forms.AssociationForm,
    {"panda_task_name": "group.EIC.x/", "jedi_task_id": 36439, "panda_status": "running"},
)
def associate(request: Request, actor: Writer, sent: Sent) -> Associated:
    """The exact name of an attempt, or of a task; a trailing slash does not count."""
    form = sent.parse(forms.AssociationForm)
    with session_of(request) as session:
        return Associated(task=recording.associate(session, form, actor).name)


@router.writes(
    "/catalog-import/", "Import a catalog of requests", forms.CatalogForm, {"source": "datasets"}
)
def import_catalog(request: Request, actor: Writer, sent: Sent) -> imports.Imported:
    """Good rows are imported, each at most once; the others are listed with the reason."""
    form = sent.parse(forms.CatalogForm)
    text = form.csv_text
    if text is None:
        if not form.source:
            raise Rejection(400, {"source": ["This field is required, or csv_text."]})
        text = imports.published(settings_of(request).stack.tmp_dir, form.source)
    with session_of(request) as session:
        return imports.import_catalog(session, text, form, actor)


# ------------------------------------------------------------------ before PanDA


@router.writes("/{name:path}/generate-commands/", "Compose and store the commands")
def generate_commands(name: Name, request: Request, actor: Writer) -> Commands:
    """For reading only: what the task runs is composed again at its submission."""
    with session_of(request) as session:
        task = submission.generate_commands(session, name, actor)
        return Commands(condor_command=task.condor_command, panda_command=task.panda_command)


@router.writes(
    "/{name:path}/set-status/", "Set a task's status", forms.StatusForm, {"status": "ready"}
)
def set_status(name: Name, request: Request, actor: Writer, sent: Sent) -> TaskView:
    """Draft to ready and back, submitted to completed or failed; never to submitted."""
    wanted = sent.parse(forms.StatusForm).status
    return changed(request, lambda session: submission.set_status(session, name, wanted, actor))


@router.writes("/{name:path}/lock/", "Make a task ready")
def lock(name: Name, request: Request, actor: Writer) -> TaskView:
    """400 where it is not, with every reason."""
    return changed(
        request, lambda session: submission.set_status(session, name, TaskStatus.READY, actor)
    )


@router.writes(
    "/{name:path}/link-input/",
    "Set a task's input datasets",
    forms.InputForm,
    {"did": "epic:/EVGEN/DIS/NC/10x100/minQ2=1"},
)
def link_input(name: Name, request: Request, actor: Writer, sent: Sent) -> TaskView:
    """One DID, or several."""
    form = sent.parse(forms.InputForm)
    if form.did and form.dids:
        raise Rejection(400, {"detail": "Provide one of did or dids, not both"})
    dids = form.dids or ([form.did] if form.did else [])
    if not dids:
        raise Rejection(400, {"detail": "did or dids is required"})
    return changed(request, lambda session: tasks.link_input(session, name, dids, actor))


# ------------------------------------------------------------------ at PanDA


@router.writes("/{name:path}/submit/", "Submit a task to PanDA")
def submit(name: Name, request: Request, actor: Writer) -> SubmittedTaskView:
    """The task with the open request for it; submitting it again opens no second request."""
    return _submitted(request, lambda session: submission.submit(session, name, actor))


@router.writes("/{name:path}/rerun-entire-task/", "Submit a task again", status_code=202)
def rerun(name: Name, request: Request, actor: Writer) -> SubmittedTaskView:
    """Under the next name; id and status stay until the new id is recorded."""
    return _submitted(request, lambda session: submission.rerun(session, name, actor))


def _submitted(
    request: Request, submit: Callable[[Session], tuple[ProdTask, list[str]]]
) -> SubmittedTaskView:
    with session_of(request) as session:
        task, warnings = submit(session)
        shown = task_view(session, task, settings_of(request))
    return SubmittedTaskView(**dict(shown), warnings=warnings)


def _add_operation(
    path: str,
    operation: TaskOperation,
    summary: str,
    form: type[forms.OperationForm],
    example: dict[str, Any],
) -> None:
    def operate(
        name: Name, request: Request, actor: Writer, sent: Sent
    ) -> submission.QueuedOperation:
        given = {key: value for key, value in sent.read(form).items() if value is not None}
        with session_of(request) as session:
            return submission.operate(session, name, given | {"operation": operation}, actor)

    router.writes(
        f"/{{name:path}}/panda-{path}/",
        summary,
        form,
        example,
        name=path.replace("-", "_"),
        status_code=202,
        description="Queues a request to the ops side; its outcome is in that request.",
    )(operate)


@router.writes(
    "/{name:path}/resolve/",
    "Settle a submission by an operator's word",
    forms.ResolutionForm,
    {"adopt": 36439, "reason": "found in the PanDA monitor"},
    status_code=202,
)
def resolve(name: Name, request: Request, actor: Writer, sent: Sent) -> submission.QueuedResolution:
    """Either `adopt` an id, which the ops side checks with PanDA, or `failed`; queues a request."""
    wanted = sent.parse(forms.ResolutionForm).model_dump()
    with session_of(request) as session:
        return submission.resolve(session, name, wanted, actor)


_add_operation(
    "add-retry",
    TaskOperation.INCREASE_ATTEMPTS,
    "Raise the number of attempts of a live task's jobs",
    forms.AddRetryForm,
    {"increase": 1},
)
_add_operation(
    "retry-failures",
    TaskOperation.RETRY_FAILURES,
    "Retry a task's failed jobs",
    forms.RetryForm,
    {"new_parameters": {}},
)
_add_operation(
    "pause",
    TaskOperation.PAUSE,
    "Pause a live task",
    forms.OperationForm,
    {"reason": "storage is full"},
)
_add_operation(
    "resume",
    TaskOperation.RESUME,
    "Resume a paused task",
    forms.OperationForm,
    {"reason": "storage is free again"},
)


# ------------------------------------------------------------------ tasks


@router.get(
    "/command/",
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
    """`panda` and `condor` are commands as text; `jedi`, `evgen` and `dump` are JSON.

    `evgen` lists the input files as the ops side last read them, at `inputsCheckedAt`; where that
    was too long ago or never, 409 says what reads them. Nothing is written.
    """
    named = required(name)
    fmt = fmt.lower()
    if fmt not in artifacts.FORMATS:
        raise Rejection(400, {"detail": f"fmt must be one of: {', '.join(artifacts.FORMATS)}"})
    with named_in_query(named), session_of(request) as session:
        task = queries.resolve(session, named, attempt_id=panda_tasks_id)
        wanted = artifacts.Wanted(
            session=session,
            task=task,
            attempt_id=panda_tasks_id,
            stale_before=campaigns.stale_before(settings_of(request)),
        )
        made = artifacts.compose(fmt, wanted)
    return Response(made, media_type="text/plain") if isinstance(made, str) else _json(made)


def _json(value: dict[str, Any]) -> Response:
    return Response(json.dumps(value, indent=2), media_type="application/json")


@router.writes(
    "/intake/",
    "Import a row of the public catalog",
    forms.TaskIntakeForm,
    {"public_catalog_issue": 123, "name": "dis-10x100", "dataset": 1, "prod_config": 1},
    responses={**writing(), 201: {"model": TaskView, "description": "Created."}},
)
def take_task_in(request: Request, actor: Writer, sent: Sent, response: Response) -> TaskView:
    """200 where the row's task is there already, and takes what is new; else 201."""
    values = sent.read(forms.TaskIntakeForm)
    with session_of(request) as session:
        task, is_new = tasks.take_in(session, values, actor)
        response.status_code = 201 if is_new else 200
        return task_view(session, task, settings_of(request))


add_routes(
    router,
    Records(
        name="task",
        words="production task",
        view=TaskView,
        show=task_views,
        form=forms.TaskForm,
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
