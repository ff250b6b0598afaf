"""Operations on a live task: sent once, believed when the state that follows shows them."""

from __future__ import annotations

import time
from typing import Any, Final

from prefect import flow, get_run_logger

from blocks.errors import OutsideUnavailable
from blocks.panda_server import PandaRefused, TokenRefused
from flows.common.steps import step
from flows.submission import operations
from flows.submission.actions import OperateTask, TaskOperation
from flows.submission.models import OperationStatus, PandaOperation
from flows.submission.operations import OperationFailed
from flows.submission.workplace import opened, workplace

_POLL_SECONDS: Final = 1.0


@flow(name="panda-task-operation", persist_result=False)
def panda_task_operation(  # noqa: PLR0917 - the action's parameters, which Prefect names
    operation: str,
    jedi_task_id: int,
    task_name: str = "",
    increase: int = 1,
    new_parameters: dict[str, Any] | None = None,
    reason: str = "",
    created_by: str = "",
) -> dict[str, Any]:
    """Raise the attempts of a live task, retry its failures, pause or resume it.

    Returns:
        The record: operation, jedi_task_id, status, observed_status, diagnostic.
    """
    order = OperateTask(
        operation=TaskOperation(operation),
        jedi_task_id=jedi_task_id,
        task_name=task_name,
        increase=increase,
        new_parameters=new_parameters or {},
        reason=reason,
        created_by=created_by,
    )
    with opened():
        record = operations.begin(order)
        try:
            if record.sent_at is None:
                record = _send(order)
            observed = _watch(order, record)
        except (PandaRefused, TokenRefused) as refusal:
            raise _ended(order, OperationStatus.FAILED, str(refusal)) from refusal
        except OutsideUnavailable as outage:
            text = f"PanDA does not answer: {outage}"
            raise _ended(order, OperationStatus.UNVERIFIED, text) from outage
        return _conclude(order, record, observed)


def _send(order: OperateTask) -> PandaOperation:
    """Ask PanDA, once: what a lost answer did is left to the state that follows."""
    before = look(order.jedi_task_id)
    problem = operations.irrelevant(order.operation, before)
    if problem:
        raise PandaRefused(problem)
    operations.note_sent(before)
    ask(order)
    return operations.note_accepted()


def _watch(order: OperateTask, record: PandaOperation) -> str | None:
    """The state that shows the effect; None where none did in time."""
    give_up = time.monotonic() + workplace().settings.submission.operation_seconds
    while True:
        observed = look(order.jedi_task_id)
        if operations.shows(order.operation, record, observed):
            return observed
        if time.monotonic() > give_up:
            return None
        time.sleep(_POLL_SECONDS)


def _conclude(order: OperateTask, record: PandaOperation, observed: str | None) -> dict[str, Any]:
    if observed is None:
        text = "PanDA took it, and its effect did not show in time"
        if record.status == OperationStatus.RUNNING:
            text = "whether PanDA took it is not known, and its effect did not show in time"
        raise _ended(order, OperationStatus.UNVERIFIED, text)
    text = f"{order.operation.value} shows: the task is {observed}"
    told = operations.finish(order, OperationStatus.VERIFIED, text, observed=observed)
    _follow(order, observed)
    return told


def _ended(order: OperateTask, status: OperationStatus, text: str) -> OperationFailed:
    operations.finish(order, status, text)
    return OperationFailed(text)


def _follow(order: OperateTask, observed: str) -> None:
    """Let PCS know at once; where it does not answer, the next sync does."""
    if not order.task_name:
        return
    try:
        workplace().pcs.record_status(
            order.task_name, order.jedi_task_id, observed, owner=order.created_by
        )
    except OutsideUnavailable as outage:
        get_run_logger().warning("PCS learns of it by the next sync: %s", outage)


@step("look at the task")
def look(jedi_task_id: int) -> str | None:
    """The task's state at PanDA; None where PanDA does not know it."""
    return workplace().panda.status(jedi_task_id)


@step("ask PanDA", is_repeatable=False)
def ask(order: OperateTask) -> None:
    """Send the operation.

    Raises:
        PandaRefused: PanDA says no.
    """
    panda = workplace().panda
    match order.operation:
        case TaskOperation.INCREASE_ATTEMPTS:
            panda.increase_attempts(order.jedi_task_id, order.increase)
        case TaskOperation.RETRY_FAILURES:
            panda.retry(order.jedi_task_id, order.new_parameters)
        case TaskOperation.PAUSE:
            panda.pause(order.jedi_task_id)
        case TaskOperation.RESUME:
            panda.resume(order.jedi_task_id)
