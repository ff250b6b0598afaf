"""Steps 9 and 10: PCS learns of it, then everybody."""

from __future__ import annotations

from typing import Final

from prefect import get_run_logger

from blocks.pcs_service import PcsConflict, PcsRefused, RouteMissing, TaskUnknown
from flows.common.database import now
from flows.common.requests import ClaimLost
from flows.common.steps import step
from flows.submission import ledger
from flows.submission.actions import SubmitTask
from flows.submission.models import AttemptState, Step, SubmissionAttempt
from flows.submission.workplace import RunPutOff, workplace

_MAX_REASON: Final = 5000


@step("record at PCS")
def record(attempt: SubmissionAttempt) -> None:
    """Record the id at PCS, as the task's owner; the same id again changes nothing.

    Raises:
        RunPutOff: PCS refuses it.
    """
    ledger.write(attempt, Step.RECORD, f"recording {attempt.jedi_task_id} at PCS")
    assert attempt.jedi_task_id is not None  # noqa: S101 - the state says so
    try:
        workplace().pcs.record_submission(
            attempt.task_name,
            attempt.jedi_task_id,
            panda_tasks_id=attempt.panda_tasks_id,
            panda_task_name=attempt.panda_name,
            owner=_nameable(attempt.owner),
        )
    except PcsRefused as error:
        raise RunPutOff(f"PCS refuses the id {attempt.jedi_task_id}: {error}") from error


@step("record the failure at PCS")
def record_failure(attempt: SubmissionAttempt) -> None:
    """Record at PCS that the attempt made no task, where PCS keeps a row for it.

    Raises:
        RunPutOff: PCS refuses to take it.
    """
    try:
        _tell_failure(attempt.task_name, attempt.panda_tasks_id, attempt.reason, attempt.owner)
    except (PcsConflict, RouteMissing, TaskUnknown) as error:
        # The row has an id, or is gone: there is nothing to mark.
        get_run_logger().warning("PCS keeps its record: %s", error)
    except PcsRefused as error:
        text = f"{attempt.reason}; PCS refuses to record it: {error}"
        raise RunPutOff(text) from error


@step("record the refusal at PCS")
def record_refusal(order: SubmitTask, reason: str, *, is_superseded: bool = False) -> None:
    """Record at PCS that the attempt was refused before it began, or that it is not needed."""
    try:
        _tell_failure(
            order.task_name,
            order.panda_tasks_id,
            reason,
            order.owner,
            is_superseded=is_superseded,
        )
    except PcsRefused as error:
        get_run_logger().warning("PCS keeps its record: %s", error)


def _tell_failure(
    task_name: str,
    panda_tasks_id: int | None,
    reason: str | None,
    owner: str,
    *,
    is_superseded: bool = False,
) -> None:
    if panda_tasks_id is None:
        return
    workplace().pcs.record_submission_failure(
        task_name,
        panda_tasks_id=panda_tasks_id,
        reason=" ".join((reason or "").split())[:_MAX_REASON],
        owner=_nameable(owner),
        is_superseded=is_superseded,
    )


def _nameable(owner: str) -> str:
    """The owner, where a header can name it; else the ops side records in its own name."""
    return owner if owner.isascii() and owner.isprintable() else ""


@step("close")
def close(attempt: SubmissionAttempt) -> SubmissionAttempt:
    """End attempt and request, with the one final event."""
    try:
        return ledger.close(attempt)
    except ClaimLost:
        # A commit whose answer was lost has closed it already; any other loss is an error.
        ended = ledger.of_request()
        if ended is None or ended.state not in (AttemptState.RECORDED, AttemptState.FAILED):
            raise
        return ended


@step("put off")
def put_off(attempt: SubmissionAttempt, reason: str) -> None:
    """Let a later run go on."""
    left = None
    if attempt.state == AttemptState.UNKNOWN and attempt.sending_until is not None:
        left = (attempt.sending_until - now()).total_seconds()
        left = left if left > 0 else None
    ledger.put_off(attempt, reason, within_seconds=left)
