"""Submission, for assistants: a task is submitted, submitted again, and operated on at PanDA.

Each tool asks the ops side by the services of PCS's REST, so the same gates hold.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import Field

from api.http.fields import MAX_BIG_INTEGER
from api.http.tools.arguments import Text
from api.http.tools.calls import Call
from api.http.tools.declaration import Toolbox
from api.pcs.errors import NeverSubmitted, NotReady
from api.pcs.models import ProdTask
from api.pcs.queries.tasks import open_request, resolve
from api.pcs.services import submission
from api.pcs.tools.common import TASK_ADVICE, TaskName, actor, task_url
from api.requests.started import Started, standing_of, started
from flows.common.callers import Scope
from flows.common.models import RequestState
from flows.common.requests import Accepted
from flows.submission.schemas import RetryParameters, TaskOperation

toolbox = Toolbox(
    advice={
        **TASK_ADVICE,
        NotReady: "pcs_prodtask_get shows its status; pcs_prodtask_set_status makes a draft ready.",
        NeverSubmitted: "pcs_prodtask_submit submits it.",
    }
)

JediTaskId = Annotated[
    int | None, Field(ge=1, le=MAX_BIG_INTEGER, description="Unset: the task's own.")
]
_REASON: Final = Field(max_length=1000, description="Why, for the record.")
Reason = Annotated[Text, _REASON]


class Submitted(Started):
    """The submission that was asked for.

    Attributes:
        panda_task_name: The name that its attempt has at PanDA.
        jedi_task_id: The id that PanDA gave, once it is recorded.
        warnings: What would stop it under the strict rules.
    """

    task_name: str
    panda_task_name: str
    jedi_task_id: int | None = None
    warnings: list[str]
    task_url: str


class Operated(Started):
    """The operation that was asked for."""

    operation: TaskOperation
    task_name: str
    jedi_task_id: int
    task_url: str


# ------------------------------------------------------------------ submitting


def _submission_of(call: Call, answer: dict[str, Any]) -> dict[str, Any]:
    found = standing_of(call, answer)
    result = found["result"]
    is_recorded = found["state"] == RequestState.COMPLETED and isinstance(result, dict)
    return found | {"jedi_task_id": result.get("jedi_task_id") if is_recorded else None}


@toolbox.tool("pcs_prodtask_submit", scope=Scope.REQUEST, is_idempotent=True, reread=_submission_of)
def submit_task(call: Call, *, name: TaskName) -> Submitted:
    """Submit a production task that is ready to PanDA, exactly once; it takes about a second.

    With wait_seconds the answer has its jediTaskID. Where its submission is open already, nothing
    more is done. A draft is made ready first (pcs_prodtask_set_status); a task that was submitted
    before is submitted again by pcs_prodtask_rerun.
    """
    before = _open_id(call, name)
    task, warnings = submission.submit(call.session, name, actor(call))
    return _submitted(call, task, warnings, before)


@toolbox.tool(
    "pcs_prodtask_rerun",
    scope=Scope.REQUEST,
    is_destructive=True,
    confirm="makes a second task at PanDA beside the former, under the next name",
    reread=_submission_of,
)
def rerun_task(call: Call, *, name: TaskName) -> Submitted:
    """Submit a whole task again, as another task at PanDA; its id stays until the new one is known.

    Where only some jobs failed, use pcs_prodtask_retry_failures.
    """
    before = _open_id(call, name)
    task, warnings = submission.rerun(call.session, name, actor(call))
    return _submitted(call, task, warnings, before)


def _open_id(call: Call, name: str) -> int | None:
    """The request that submits the task already."""
    request = open_request(call.session, resolve(call.session, name).name)
    return request.id if request is not None else None


def _submitted(call: Call, task: ProdTask, warnings: list[str], before: int | None) -> Submitted:
    request = open_request(call.session, task.name)
    assert request is not None  # noqa: S101 - it was accepted, or found open, in this transaction
    state, is_new = RequestState(request.state), request.id != before
    accepted = Accepted(request.id, state, is_new=is_new)
    return Submitted(
        **dict(started(call, accepted)),
        task_name=task.name,
        panda_task_name=task.attempts[-1].task_name,
        warnings=warnings,
        task_url=task_url(call, task.name),
    )


# ------------------------------------------------------------------ at PanDA


def _operate(
    call: Call, name: str, operation: TaskOperation, jedi_task_id: int | None, **more: Any
) -> Operated:
    given = {"operation": operation, "jedi_task_id": jedi_task_id} | more
    wanted = {key: value for key, value in given.items() if value is not None}
    queued = submission.operate(call.session, name, wanted, actor(call))
    accepted = Accepted(queued.request_id, RequestState.QUEUED, is_new=queued.is_new)
    answer = started(call, accepted)
    return Operated(
        **dict(answer),
        operation=operation,
        task_name=answer.subject or name,
        jedi_task_id=queued.jedi_task_id,
        task_url=task_url(call, answer.subject or name),
    )


@toolbox.tool("pcs_prodtask_pause", scope=Scope.REQUEST, is_idempotent=True, reread=standing_of)
def pause_task(
    call: Call, *, name: TaskName, reason: Reason = "", jedi_task_id: JediTaskId = None
) -> Operated:
    """Pause a live task at PanDA; pcs_prodtask_resume lets it go on."""
    return _operate(call, name, TaskOperation.PAUSE, jedi_task_id, reason=reason)


@toolbox.tool("pcs_prodtask_resume", scope=Scope.REQUEST, is_idempotent=True, reread=standing_of)
def resume_task(
    call: Call, *, name: TaskName, reason: Reason = "", jedi_task_id: JediTaskId = None
) -> Operated:
    """Resume a task that is paused at PanDA.

    It starts no failed job again: use pcs_prodtask_retry_failures for that.
    """
    return _operate(call, name, TaskOperation.RESUME, jedi_task_id, reason=reason)


@toolbox.tool(
    "pcs_prodtask_retry_failures",
    scope=Scope.REQUEST,
    is_destructive=True,
    confirm="runs the failed jobs again at PanDA, which takes computing time",
    reread=standing_of,
)
def retry_failures(
    call: Call,
    *,
    name: TaskName,
    new_parameters: RetryParameters | None = None,
    reason: Reason = "",
    jedi_task_id: JediTaskId = None,
) -> Operated:
    """Retry the failed jobs of a task that has ended at PanDA, with other parameters if given.

    First find out why they failed (explain_failure). For more attempts while the task lives, use
    pcs_prodtask_add_attempts.
    """
    return _operate(
        call,
        name,
        TaskOperation.RETRY_FAILURES,
        jedi_task_id,
        reason=reason,
        new_parameters=new_parameters.model_dump() if new_parameters is not None else None,
    )


@toolbox.tool("pcs_prodtask_add_attempts", scope=Scope.REQUEST, reread=standing_of)
def add_attempts(
    call: Call,
    *,
    name: TaskName,
    increase: Annotated[int, Field(ge=1, le=100, description="Attempts to add.")] = 1,
    reason: Reason = "",
    jedi_task_id: JediTaskId = None,
) -> Operated:
    """Raise how often PanDA tries each job of a live task.

    Use it while jobs fail that would succeed at another try. Once the task has ended, use
    pcs_prodtask_retry_failures.
    """
    operation = TaskOperation.INCREASE_ATTEMPTS
    return _operate(call, name, operation, jedi_task_id, reason=reason, increase=increase)
