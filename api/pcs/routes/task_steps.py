"""The steps of a production task: its inputs, its status, and its way to PanDA."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import Request
from pydantic import BaseModel
from sqlalchemy.orm import Session

from api.http.errors import Rejection
from api.http.forms import Sent
from api.http.sessions import session_of, settings_of
from api.pcs.models import ProdTask
from api.pcs.routes.common import PREFIX, Name, PcsRouter, Writer, changed
from api.pcs.schemas.tasks import AddRetryForm, InputForm, OperationForm, RetryForm, StatusForm
from api.pcs.services import submission, tasks
from api.pcs.views.tasks import SubmittedTaskView, TaskView, task_view
from flows.submission.schemas import TaskOperation

router = PcsRouter(prefix=f"{PREFIX}/prod-tasks/{{name:path}}", tags=["production tasks"])


class QueuedOperation(BaseModel):
    """An operation on a live task that was requested."""

    queued: bool
    operation: str
    jedi_task_id: int
    request_id: int


class Commands(BaseModel):
    """The commands that were composed and stored."""

    condor_command: str
    panda_command: str


# ------------------------------------------------------------------ before PanDA


@router.writes("/generate-commands/", "Compose and store the commands")
def generate_commands(name: Name, request: Request, actor: Writer) -> Commands:
    """For reading only: what the task runs is composed again at its submission."""
    with session_of(request) as session:
        task = submission.generate_commands(session, name, actor)
        return Commands(condor_command=task.condor_command, panda_command=task.panda_command)


@router.writes("/set-status/", "Set a task's status", StatusForm, {"status": "ready"})
def set_status(name: Name, request: Request, actor: Writer, sent: Sent) -> TaskView:
    """Draft to ready and back, submitted to completed or failed; never to submitted."""
    wanted = sent.parse(StatusForm).status
    return changed(request, lambda session: submission.set_status(session, name, wanted, actor))


@router.writes("/lock/", "Make a task ready")
def lock(name: Name, request: Request, actor: Writer) -> TaskView:
    """400 where it is not, with every reason."""
    return changed(request, lambda session: submission.lock(session, name, actor))


@router.writes(
    "/link-input/",
    "Set a task's input datasets",
    InputForm,
    {"did": "epic:/EVGEN/DIS/NC/10x100/minQ2=1"},
)
def link_input(name: Name, request: Request, actor: Writer, sent: Sent) -> TaskView:
    """One DID, or several."""
    form = sent.parse(InputForm)
    dids = form.dids or ([form.did] if form.did else [])
    if not dids:
        raise Rejection(400, {"did": ["This field is required."]})
    return changed(request, lambda session: tasks.link_input(session, name, dids, actor))


# ------------------------------------------------------------------ at PanDA


@router.writes("/submit/", "Submit a task to PanDA")
def submit(name: Name, request: Request, actor: Writer) -> SubmittedTaskView:
    """The task with the open request for it; submitting it again opens no second request."""
    return _submitted(request, lambda session: submission.submit(session, name, actor))


@router.writes("/rerun-entire-task/", "Submit a task again", status_code=202)
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
    form: type[OperationForm],
    example: dict[str, Any],
) -> None:
    def operate(name: Name, request: Request, actor: Writer, sent: Sent) -> QueuedOperation:
        given = {key: value for key, value in sent.read(form).items() if value is not None}
        with session_of(request) as session:
            queued = submission.operate(session, name, given | {"operation": operation}, actor)
        return QueuedOperation(queued=True, **vars(queued))

    router.writes(
        f"/panda-{path}/",
        summary,
        form,
        example,
        name=path.replace("-", "_"),
        status_code=202,
        description="Queues a request to the ops side; its outcome is in that request.",
    )(operate)


_add_operation(
    "add-retry",
    TaskOperation.INCREASE_ATTEMPTS,
    "Raise the number of attempts of a live task's jobs",
    AddRetryForm,
    {"increase": 1},
)
_add_operation(
    "retry-failures",
    TaskOperation.RETRY_FAILURES,
    "Retry a task's failed jobs",
    RetryForm,
    {"new_parameters": {}},
)
_add_operation(
    "pause", TaskOperation.PAUSE, "Pause a live task", OperationForm, {"reason": "storage is full"}
)
_add_operation(
    "resume",
    TaskOperation.RESUME,
    "Resume a paused task",
    OperationForm,
    {"reason": "storage is free again"},
)
