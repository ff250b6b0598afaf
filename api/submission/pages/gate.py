"""What may be done to a production task now, and why not: what PCS's gates would say. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from api.http.access import Caller
from api.pcs.models import TaskStatus

_OVER: Final = frozenset({TaskStatus.SUBMITTED, TaskStatus.COMPLETED, TaskStatus.FAILED})


class Operation(StrEnum):
    """What the pages do to a task; each is a POST to PCS."""

    SUBMIT = "submit"
    RERUN = "rerun"
    LOCK = "lock"
    DRAFT = "draft"


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What counts of a task for its gates.

    Attributes:
        status: Its status at PCS.
        owner: Who made it.
        jedi_task_id: Its id at PanDA.
        request_id: Its open submission request.
        reasons: Why it is not ready under the strict rules.
        reasons_to_lock: Why it is not ready under the rules that hold.
        command_problem: Why no command can be composed.
    """

    status: TaskStatus
    owner: str
    jedi_task_id: int | None
    request_id: int | None
    reasons: tuple[str, ...]
    reasons_to_lock: tuple[str, ...]
    command_problem: str | None = None


def hindrances(
    operation: Operation, task: Standing, *, caller: Caller, is_relaxed: bool
) -> list[str]:
    """Why the operation would be refused; empty where it would not.

    A caller who may not write is not judged: a token says later who asks.
    """
    if task.request_id is not None and operation is not Operation.LOCK:
        return [f"It is being submitted, by request {task.request_id}."]
    found = {
        Operation.SUBMIT: _against_submit,
        Operation.RERUN: _against_rerun,
        Operation.LOCK: _against_lock,
        Operation.DRAFT: _against_draft,
    }[operation](task, is_relaxed)
    return [*found, *_against_caller(task, caller, is_relaxed)]


def _against_submit(task: Standing, is_relaxed: bool) -> Iterator[str]:  # noqa: FBT001
    if task.jedi_task_id is not None:
        yield f"Already submitted as jediTaskID {task.jedi_task_id}."
        return
    if task.status not in ({TaskStatus.READY, TaskStatus.DRAFT} if is_relaxed else {"ready"}):
        yield f"Only a locked (ready) task can be submitted to PanDA; it is {task.status.value}."
    yield from _unready(task, is_relaxed)


def _against_rerun(task: Standing, is_relaxed: bool) -> Iterator[str]:  # noqa: FBT001
    if task.jedi_task_id is None or task.status not in _OVER:
        yield "There is no recorded submission to run again."
        return
    yield from _unready(task, is_relaxed)


def _unready(task: Standing, is_relaxed: bool) -> Iterator[str]:  # noqa: FBT001
    if not is_relaxed:
        yield from task.reasons
    elif task.command_problem is not None:
        yield task.command_problem


def _against_lock(task: Standing, _is_relaxed: bool) -> Iterator[str]:  # noqa: FBT001
    if task.status is not TaskStatus.DRAFT:
        yield f"Only a draft can be locked; it is {task.status.value}."
        return
    yield from task.reasons_to_lock


def _against_draft(task: Standing, _is_relaxed: bool) -> Iterator[str]:  # noqa: FBT001
    if task.status is not TaskStatus.READY:
        yield f"Only a locked (ready) task goes back to draft; it is {task.status.value}."


def _against_caller(task: Standing, caller: Caller, is_relaxed: bool) -> Iterator[str]:  # noqa: FBT001
    if caller.may_write and caller.name != task.owner and not is_relaxed:
        yield f"Only its owner {task.owner} may; you are {caller.name}."
