"""The steps of a production task: its inputs, its status, and its way to PanDA."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from pydantic import BaseModel
from sqlalchemy.orm import Session

from api.http.errors import Rejection, writing
from api.http.forms import Body, Sent, body
from api.http.sessions import session_of, settings_of
from api.pcs import forms, views
from api.pcs.routes.common import PREFIX, Name, PcsRouter, Writer
from api.pcs.services import submission, task_writes
from api.pcs.services.access import Actor
from flows.submission.actions import TaskOperation

router = PcsRouter(prefix=f"{PREFIX}/prod-tasks/{{name:path}}", tags=["production tasks"])


class QueuedOperation(BaseModel):
    """An operation on a live task that was asked for."""

    queued: bool
    operation: str
    jedi_task_id: int
    request_id: int


class Commands(BaseModel):
    """The commands that were composed and kept."""

    condor_command: str
    panda_command: str


# ------------------------------------------------------------------ before PanDA


@router.post("/generate-commands/", summary="Compose and keep the commands", responses=writing())
def generate_commands(name: Name, request: Request, actor: Writer) -> Commands:
    """What the task runs is composed anew at its submission; this is for reading."""
    with session_of(request) as session:
        task = submission.generate_commands(session, name, actor)
        return Commands(condor_command=task.condor_command, panda_command=task.panda_command)


@router.post(
    "/set-status/",
    summary="Set a task's status",
    responses=writing(),
    openapi_extra=body(forms.StatusForm, {"status": "ready"}),
)
def set_status(name: Name, request: Request, actor: Writer, sent: Sent) -> views.TaskView:
    """Draft to ready and back, submitted to completed or failed; never to submitted."""
    wanted = sent.read(forms.StatusForm)["status"]
    with session_of(request) as session:
        task = submission.set_status(session, name, wanted, actor)
        return views.task_view(session, task, settings_of(request))


@router.post("/lock/", summary="Make a task ready", responses=writing())
def lock(name: Name, request: Request, actor: Writer) -> views.TaskView:
    """400 where it is not, with every reason."""
    with session_of(request) as session:
        task = submission.lock(session, name, actor)
        return views.task_view(session, task, settings_of(request))


@router.post(
    "/link-input/",
    summary="Set a task's input datasets",
    responses=writing(),
    openapi_extra=body(forms.InputForm, {"did": "epic:/EVGEN/DIS/NC/10x100/minQ2=1"}),
)
def link_input(name: Name, request: Request, actor: Writer, sent: Sent) -> views.TaskView:
    """One DID, or several."""
    values = sent.read(forms.InputForm)
    dids = values.get("dids") or ([values["did"]] if values.get("did") else [])
    if not dids:
        raise Rejection(400, {"did": ["This field is required."]})
    with session_of(request) as session:
        task = task_writes.link_input(session, name, dids, actor)
        return views.task_view(session, task, settings_of(request))


# ------------------------------------------------------------------ at PanDA


@router.post("/submit/", summary="Submit a task to PanDA", responses=writing())
def submit(name: Name, request: Request, actor: Writer) -> views.SubmittedTaskView:
    """The task with the open request for it; asking again opens no other."""
    with session_of(request) as session:
        return _submitted(request, session, submission.submit(session, name, actor))


@router.post(
    "/rerun-entire-task/", status_code=202, summary="Submit a task once more", responses=writing()
)
def rerun(name: Name, request: Request, actor: Writer) -> views.SubmittedTaskView:
    """Under the next name; id and status stay until the new id is recorded."""
    with session_of(request) as session:
        return _submitted(request, session, submission.rerun(session, name, actor))


@router.post(
    "/panda-add-retry/",
    status_code=202,
    summary="Give a live task's jobs more attempts",
    responses=writing(),
    openapi_extra=body(forms.AddRetryForm, {"increase": 1}),
)
def add_retry(name: Name, request: Request, actor: Writer, sent: Sent) -> QueuedOperation:
    """Asks the ops side; what became of it is in the request."""
    values = sent.read(forms.AddRetryForm)
    return _operate(request, name, TaskOperation.INCREASE_ATTEMPTS, values, actor)


@router.post(
    "/panda-retry-failures/",
    status_code=202,
    summary="Try a task's failures again",
    responses=writing(),
    openapi_extra=body(forms.RetryForm, {"new_parameters": {}}),
)
def retry_failures(name: Name, request: Request, actor: Writer, sent: Sent) -> QueuedOperation:
    """Asks the ops side; what became of it is in the request."""
    values = sent.read(forms.RetryForm)
    return _operate(request, name, TaskOperation.RETRY_FAILURES, values, actor)


@router.post(
    "/panda-pause/",
    status_code=202,
    summary="Pause a live task",
    responses=writing(),
    openapi_extra=body(forms.OperationForm, {"reason": "storage is full"}),
)
def pause(name: Name, request: Request, actor: Writer, sent: Sent) -> QueuedOperation:
    """Asks the ops side; what became of it is in the request."""
    values = _read(sent)
    return _operate(request, name, TaskOperation.PAUSE, values, actor)


@router.post(
    "/panda-resume/",
    status_code=202,
    summary="Let a paused task go on",
    responses=writing(),
    openapi_extra=body(forms.OperationForm, {"reason": "storage is free again"}),
)
def resume(name: Name, request: Request, actor: Writer, sent: Sent) -> QueuedOperation:
    """Asks the ops side; what became of it is in the request."""
    values = _read(sent)
    return _operate(request, name, TaskOperation.RESUME, values, actor)


def _read(sent: Body) -> dict[str, Any]:
    return sent.read(forms.OperationForm)


def _operate(
    request: Request, name: str, operation: TaskOperation, values: dict[str, Any], actor: Actor
) -> QueuedOperation:
    given = {key: value for key, value in values.items() if value is not None}
    with session_of(request) as session:
        queued = submission.operate(session, name, given | {"operation": operation}, actor)
    return QueuedOperation(
        queued=True,
        operation=queued.operation,
        jedi_task_id=queued.jedi_task_id,
        request_id=queued.request_id,
    )


def _submitted(
    request: Request, session: Session, found: submission.Submitted
) -> views.SubmittedTaskView:
    shown = views.task_view(session, found.task, settings_of(request))
    return views.SubmittedTaskView(**dict(shown), warnings=list(found.warnings))
