"""What the ops side records of submissions, and imports of whole catalogs."""

from __future__ import annotations

from fastapi import Request
from pydantic import BaseModel

from api.http.errors import Rejection
from api.http.forms import Sent
from api.http.sessions import session_of, settings_of
from api.pcs.routes.common import PREFIX, PcsRouter, Writer, changed, required
from api.pcs.schemas.tasks import (
    AssociationForm,
    CatalogForm,
    FailureForm,
    ObservationForm,
    SubmissionForm,
)
from api.pcs.services import imports, recording
from api.pcs.views.catalogue import RowView
from api.pcs.views.tasks import TaskView
from flows.common.text import Text

router = PcsRouter(prefix=f"{PREFIX}/prod-tasks", tags=["production tasks"])


class Associated(BaseModel):
    """The production task that a PanDA task was associated with."""

    task: str


class RefusedRow(RowView):
    """A row that was not imported: where it begins, and why."""

    line: int
    reason: str


class Imported(RowView):
    """What an import did."""

    status: str
    created: int
    updated: int
    unchanged: int
    refused: list[RefusedRow]


@router.writes(
    "/record-submission/", "Record the id that PanDA gave", SubmissionForm, {"jedi_task_id": 36439}
)
def record_submission(
    request: Request, actor: Writer, sent: Sent, name: Text | None = None
) -> TaskView:
    """The same id again changes nothing; another one for the same attempt is 409."""
    form = sent.parse(SubmissionForm)
    named = required(name or form.name)
    return changed(
        request, lambda session: recording.record_submission(session, named, form, actor)
    )


@router.writes(
    "/record-submission-failure/",
    "Record a failed submission",
    FailureForm,
    {"panda_tasks_id": 1, "reason": "prun: bad token"},
)
def record_failure(
    request: Request, actor: Writer, sent: Sent, name: Text | None = None
) -> TaskView:
    """The task itself stays as it is; its next attempt has another name."""
    form = sent.parse(FailureForm)
    named = required(name or form.name)
    return changed(request, lambda session: recording.record_failure(session, named, form, actor))


@router.writes(
    "/record-status/",
    "Record a task's state at PanDA",
    ObservationForm,
    {"jedi_task_id": 36439, "panda_status": "done"},
)
def record_status(
    request: Request, actor: Writer, sent: Sent, name: Text | None = None
) -> TaskView:
    """Done and finished complete the task; failed, broken and aborted fail it."""
    form = sent.parse(ObservationForm)
    named = required(name or form.name)
    return changed(request, lambda session: recording.record_status(session, named, form, actor))


@router.writes(
    "/associate/",
    "Associate a PanDA task by its name",
    AssociationForm,
    {"panda_task_name": "group.EIC.x/", "jedi_task_id": 36439, "panda_status": "running"},
)
def associate(request: Request, actor: Writer, sent: Sent) -> Associated:
    """The exact name of an attempt, or of a task; a trailing slash does not count."""
    form = sent.parse(AssociationForm)
    with session_of(request) as session:
        return Associated(task=recording.associate(session, form, actor).name)


@router.writes(
    "/catalog-import/", "Import a catalog of requests", CatalogForm, {"source": "datasets"}
)
def import_catalog(request: Request, actor: Writer, sent: Sent) -> Imported:
    """Good rows are imported, each at most once; the others are listed with the reason."""
    form = sent.parse(CatalogForm)
    text = form.csv_text
    if text is None:
        if not form.source:
            raise Rejection(400, {"source": ["This field is required, or csv_text."]})
        text = imports.published(settings_of(request).stack.tmp_dir, form.source)
    with session_of(request) as session:
        return Imported.model_validate(imports.import_catalog(session, text, form, actor))
