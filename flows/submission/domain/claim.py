"""Which attempt of a task a request may claim, as PCS shows both now. Pure."""

from __future__ import annotations

from typing import Final

from blocks.errors import NotFound, ProdOpsError, Refused
from blocks.pcs_service import ProdTask
from flows.submission.domain import gate
from flows.submission.schemas import SubmitTask

_SUBMIT_FAILED: Final = "submit_failed"


class NotSubmittable(Refused):
    """The task may not be submitted now, for the reason given."""


class TaskMissing(NotSubmittable, NotFound):
    """PCS has no task of that name."""


class TaskUnreadable(ProdOpsError):
    """PCS does not let the task be read: it refuses who asks, or is not at this address."""


class Overtaken(Refused):
    """The task got an id since the submission was asked for: two clicks, one of them served."""

    def __init__(self, jedi_task_id: int) -> None:
        self.jedi_task_id = jedi_task_id
        super().__init__(f"The task was submitted meanwhile, as {jedi_task_id}.")


def name_to_claim(task: ProdTask, form: SubmitTask, *, is_relaxed: bool) -> str:
    """The name that the request's attempt shall have at PanDA.

    Raises:
        NotSubmittable: The task is submitted already, is not ready, or has no such attempt.
        Overtaken: Another request has submitted it since this was asked for.
    """
    if form.panda_tasks_id is not None:
        return _numbered(task, form, is_relaxed=is_relaxed)
    if reason := gate.refusal(task.status, task.panda_task_id, is_relaxed=is_relaxed):
        raise NotSubmittable(reason)
    return task.composed_name or task.name


def _numbered(task: ProdTask, form: SubmitTask, *, is_relaxed: bool) -> str:
    attempt = next((each for each in task.panda_tasks if each.id == form.panda_tasks_id), None)
    if attempt is None:
        raise NotSubmittable(f"PCS has no attempt {form.panda_tasks_id} of {task.name}.")
    if task.panda_task_id is not None and task.panda_task_id != form.follows:
        raise Overtaken(task.panda_task_id)
    if attempt.jedi_task_id is not None:
        raise NotSubmittable(f"The attempt is submitted already, as {attempt.jedi_task_id}.")
    if attempt.status_snapshot == _SUBMIT_FAILED:
        raise NotSubmittable("The attempt has failed; submit the task again for a new one.")
    if task.status not in gate.SUBMITTED and not gate.may_be_submitted(
        task.status, is_relaxed=is_relaxed
    ):
        raise NotSubmittable(gate.only_ready(task.status))
    if form.panda_task_name is not None and form.panda_task_name != attempt.task_name:
        raise NotSubmittable(
            f"PCS names the attempt {attempt.task_name}, the request {form.panda_task_name}."
        )
    return attempt.task_name
