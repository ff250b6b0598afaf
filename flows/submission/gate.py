"""PCS's gate, read again where the task is submitted. Pure."""

from __future__ import annotations

from blocks.errors import ProdOpsError
from blocks.pcs_service import Attempt, ProdTask
from flows.submission.actions import SubmitTask

_FAILED = "submit_failed"
_RERUN_FROM = frozenset({"ready", "submitted", "completed", "failed"})


class NotSubmittable(ProdOpsError):
    """The task may not be submitted now, for the reason given."""


class Overtaken(ProdOpsError):
    """The task got an id since the submission was asked for: two clicks, one of them served."""

    def __init__(self, jedi_task_id: int) -> None:
        self.jedi_task_id = jedi_task_id
        super().__init__(f"The task was submitted meanwhile, as {jedi_task_id}.")


def check_gate(task: ProdTask, order: SubmitTask, *, is_relaxed: bool) -> str:
    """The name that the attempt shall have at PanDA.

    Raises:
        NotSubmittable: The task is submitted already, is not ready, or has no such attempt.
        Overtaken: Another request has submitted it since this was asked for.
    """
    if order.panda_tasks_id is None:
        return _first(task, is_relaxed=is_relaxed)
    return _numbered(task, order, is_relaxed=is_relaxed)


def _first(task: ProdTask, *, is_relaxed: bool) -> str:
    if task.panda_task_id is not None:
        raise NotSubmittable(f"Already submitted as jediTaskID {task.panda_task_id}.")
    if task.status != "ready" and not (is_relaxed and task.status == "draft"):
        raise NotSubmittable(f"Only a ready task can be submitted to PanDA; it is {task.status}.")
    return task.composed_name or task.name


def _numbered(task: ProdTask, order: SubmitTask, *, is_relaxed: bool) -> str:
    attempt = _attempt(task, order.panda_tasks_id)
    if task.panda_task_id is not None and task.panda_task_id != order.follows:
        raise Overtaken(task.panda_task_id)
    if attempt.jedi_task_id is not None:
        raise NotSubmittable(f"The attempt is submitted already, as {attempt.jedi_task_id}.")
    if attempt.status_snapshot == _FAILED:
        raise NotSubmittable("The attempt has failed; submit the task again for a new one.")
    if task.status not in _RERUN_FROM and not (is_relaxed and task.status == "draft"):
        raise NotSubmittable(f"Only a ready task can be submitted to PanDA; it is {task.status}.")
    if order.panda_task_name is not None and order.panda_task_name != attempt.task_name:
        raise NotSubmittable(
            f"PCS names the attempt {attempt.task_name}, the request {order.panda_task_name}."
        )
    return attempt.task_name


def _attempt(task: ProdTask, panda_tasks_id: int | None) -> Attempt:
    for attempt in task.panda_tasks:
        if attempt.id == panda_tasks_id:
            return attempt
    raise NotSubmittable(f"PCS has no attempt {panda_tasks_id} of {task.name}.")
