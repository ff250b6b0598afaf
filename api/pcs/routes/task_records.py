"""What the ops side records of submissions, and imports of whole catalogs."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from pydantic import BaseModel

from api.http.errors import Rejection, writing
from api.http.forms import Sent, body
from api.http.sessions import session_of, settings_of
from api.pcs import forms, views
from api.pcs.routes.common import PREFIX, Filter, PcsRouter, Writer, required
from api.pcs.services import attempts, imports, panda_states

router = PcsRouter(prefix=f"{PREFIX}/prod-tasks", tags=["production tasks"])


class Associated(BaseModel):
    """The task that a task of PanDA's was found to be."""

    task: str


class RefusedRow(BaseModel):
    """A row that was not imported: where it begins, and why."""

    line: int
    reason: str


class Imported(BaseModel):
    """What an import did."""

    status: str
    created: int
    updated: int
    unchanged: int
    refused: list[RefusedRow]


@router.post(
    "/record-submission/",
    summary="Record the id that PanDA gave",
    responses=writing(),
    openapi_extra=body(forms.SubmissionForm, {"jedi_task_id": 36439}),
)
def record_submission(
    request: Request, actor: Writer, sent: Sent, name: Filter | None = None
) -> views.TaskView:
    """The same id again changes nothing; another one for the same attempt is 409."""
    form = sent.read(forms.SubmissionForm)
    told = attempts.Submission(
        jedi_task_id=form["jedi_task_id"],
        panda_tasks_id=form.get("panda_tasks_id"),
        panda_task_name=form.get("panda_task_name") or form.get("task_name") or None,
        replaces=form.get("replaces"),
    )
    with session_of(request) as session:
        task = attempts.record_submission(session, required(name, form), told, actor)
        return views.task_view(session, task, settings_of(request))


@router.post(
    "/record-submission-failure/",
    summary="Record that an attempt did not reach PanDA",
    responses=writing(),
    openapi_extra=body(forms.FailureForm, {"panda_tasks_id": 1, "reason": "prun: bad token"}),
)
def record_failure(
    request: Request, actor: Writer, sent: Sent, name: Filter | None = None
) -> views.TaskView:
    """The task itself stays as it is; its next attempt has another name."""
    form = sent.read(forms.FailureForm)
    told = attempts.Failure(
        panda_tasks_id=form["panda_tasks_id"],
        reason=form.get("reason", ""),
        is_superseded=form.get("is_superseded", False),
    )
    with session_of(request) as session:
        task = attempts.record_failure(session, required(name, form), told, actor)
        return views.task_view(session, task, settings_of(request))


@router.post(
    "/record-status/",
    summary="Record a task's state at PanDA",
    responses=writing(),
    openapi_extra=body(forms.ObservationForm, {"jedi_task_id": 36439, "panda_status": "done"}),
)
def record_status(
    request: Request, actor: Writer, sent: Sent, name: Filter | None = None
) -> views.TaskView:
    """Done and finished complete the task; failed, broken and aborted fail it."""
    form = sent.read(forms.ObservationForm)
    seen = panda_states.Observation(
        jedi_task_id=form["jedi_task_id"],
        panda_status=form["panda_status"],
        observed_at=form.get("observed_at"),
    )
    with session_of(request) as session:
        task = panda_states.record_status(session, required(name, form), seen, actor)
        return views.task_view(session, task, settings_of(request))


@router.post(
    "/associate/",
    summary="Record a task that PanDA knows by a name of ours",
    responses=writing(),
    openapi_extra=body(
        forms.AssociationForm,
        {"panda_task_name": "group.EIC.x/", "jedi_task_id": 36439, "panda_status": "running"},
    ),
)
def associate(request: Request, actor: Writer, sent: Sent) -> Associated:
    """The exact name of an attempt, or of a task; a trailing slash does not count."""
    form = sent.read(forms.AssociationForm)
    with session_of(request) as session:
        task = panda_states.associate(session, panda_states.Found(**form), actor)
        return Associated(task=task.name)


@router.post(
    "/catalog-import/",
    summary="Import a catalog of requests",
    responses=writing(),
    openapi_extra=body(forms.CatalogForm, {"source": "datasets"}),
)
def import_catalog(request: Request, actor: Writer, sent: Sent) -> Imported:
    """Rows that are good are imported, each at most once; the others are named with the reason."""
    form: dict[str, Any] = sent.read(forms.CatalogForm)
    text = form.get("csv_text")
    if text is None:
        if not form.get("source"):
            raise Rejection(400, {"source": ["This field is required, or csv_text."]})
        text = imports.published(settings_of(request).stack.tmp_dir, form["source"])
    wanted = imports.Wanted(
        campaign=form.get("campaign"),
        detector_config=form.get("detector_config") or imports.DETECTOR_CONFIG,
        prod_config=form.get("prod_config"),
    )
    with session_of(request) as session:
        done = imports.import_catalog(session, text, wanted, actor)
    return Imported(
        status="done",
        created=done.created,
        updated=done.updated,
        unchanged=done.unchanged,
        refused=[RefusedRow(line=line, reason=reason) for line, reason in done.refused],
    )
