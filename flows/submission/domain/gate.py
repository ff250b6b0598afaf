"""PCS's gate: when a task may be submitted for the first time, and once more. Pure.

Pages and PCS apply the rules before a request is made, and the flow again before it sends.
"""

from __future__ import annotations

from typing import Final

from blocks.errors import ProdOpsError
from blocks.pcs_service import Attempt, ProdTask
from flows.submission.schemas import SubmitTask

_SUBMIT_FAILED: Final = "submit_failed"
_SUBMITTED: Final = frozenset({"submitted", "completed", "failed"})


class NotSubmittable(ProdOpsError):
    """The task may not be submitted now, for the reason given."""


class Overtaken(ProdOpsError):
    """The task got an id since the submission was asked for: two clicks, one of them served."""

    def __init__(self, jedi_task_id: int) -> None:
        self.jedi_task_id = jedi_task_id
        super().__init__(f"The task was submitted meanwhile, as {jedi_task_id}.")


# ------------------------------------------------------------------ the rules


def may_be_submitted(status: str, *, is_relaxed: bool) -> bool:
    """Whether a task of that status may be submitted; under the relaxed rules a draft may."""
    return status == "ready" or (is_relaxed and status == "draft")


def may_be_rerun(status: str, jedi_task_id: int | None) -> bool:
    """Whether a task has a recorded submission that may be repeated under the next name."""
    return jedi_task_id is not None and status in _SUBMITTED


def refusal(status: str, jedi_task_id: int | None, *, is_relaxed: bool) -> str | None:
    """Why a task may not be submitted for the first time; None where it may."""
    if jedi_task_id is not None:
        return f"Already submitted as jediTaskID {jedi_task_id}."
    return None if may_be_submitted(status, is_relaxed=is_relaxed) else _only_ready(status)


def _only_ready(status: str) -> str:
    return f"Only a locked (ready) task can be submitted to PanDA; it is {status}."


# ------------------------------------------------------------------ the request's attempt


def check(task: ProdTask, form: SubmitTask, *, is_relaxed: bool) -> str:
    """The name that the request's attempt shall have at PanDA.

    Raises:
        NotSubmittable: The task is submitted already, is not ready, or has no such attempt.
        Overtaken: Another request has submitted it since this was asked for.
    """
    if form.panda_tasks_id is not None:
        return _numbered(task, form, is_relaxed=is_relaxed)
    if reason := refusal(task.status, task.panda_task_id, is_relaxed=is_relaxed):
        raise NotSubmittable(reason)
    return task.composed_name or task.name


def _numbered(task: ProdTask, form: SubmitTask, *, is_relaxed: bool) -> str:
    attempt = _attempt(task, form.panda_tasks_id)
    if task.panda_task_id is not None and task.panda_task_id != form.follows:
        raise Overtaken(task.panda_task_id)
    if attempt.jedi_task_id is not None:
        raise NotSubmittable(f"The attempt is submitted already, as {attempt.jedi_task_id}.")
    if attempt.status_snapshot == _SUBMIT_FAILED:
        raise NotSubmittable("The attempt has failed; submit the task again for a new one.")
    if task.status not in _SUBMITTED and not may_be_submitted(task.status, is_relaxed=is_relaxed):
        raise NotSubmittable(_only_ready(task.status))
    if form.panda_task_name is not None and form.panda_task_name != attempt.task_name:
        raise NotSubmittable(
            f"PCS names the attempt {attempt.task_name}, the request {form.panda_task_name}."
        )
    return attempt.task_name


def _attempt(task: ProdTask, panda_tasks_id: int | None) -> Attempt:
    for attempt in task.panda_tasks:
        if attempt.id == panda_tasks_id:
            return attempt
    raise NotSubmittable(f"PCS has no attempt {panda_tasks_id} of {task.name}.")
