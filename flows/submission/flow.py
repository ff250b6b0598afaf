"""The submission of a production task: one intent becomes one task at PanDA, and is recorded.

An attempt goes ``claimed -> sending -> created -> recorded``, or ends ``refused -> failed``; what
prun left unsaid is ``unknown`` until a run finds out. A run may be lost anywhere: the next one of
the same request goes on from what is written down.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from prefect import flow

from blocks.errors import OutsideUnavailable
from flows.submission import ledger, tasks
from flows.submission.actions import SubmitTask
from flows.submission.domain import Verdict
from flows.submission.gate import NotSubmittable, Overtaken
from flows.submission.models import AttemptState, SubmissionAttempt
from flows.submission.operation import panda_task_operation
from flows.submission.repository import AttemptOpen, NameUsed
from flows.submission.sync import sync_task_states
from flows.submission.workplace import RunPutOff, opened

__all__ = ("panda_task_operation", "submit_task", "sync_task_states")

_BACK_OFF_SECONDS: Final = (1.0, 4.0)  # between the tries of a prun that could not even send


@flow(name="submit-task", persist_result=False)
def submit_task(
    task_name: str,
    owner: str = "",
    panda_tasks_id: int | None = None,
    panda_task_name: str | None = None,
    follows: int | None = None,
) -> dict[str, Any]:
    """Submit a production task to PanDA with prun, exactly once, and record its id.

    Returns:
        The record: jedi_task_id, panda_task_name; or joined, the request that submits it already.
    """
    order = SubmitTask(
        task_name=task_name,
        owner=owner,
        panda_tasks_id=panda_tasks_id,
        panda_task_name=panda_task_name,
        follows=follows,
    )
    with opened():
        try:
            attempt = _begin(order)
        except OutsideUnavailable as outage:
            ledger.give_back(f"nothing was begun: {outage}")
            raise
        except AttemptOpen as rival:
            return _join(order, {"joined": rival.request_id})
        except Overtaken as other:
            made = other.jedi_task_id
            return _join(order, {"joined": ledger.maker_of(made) or 0, "jedi_task_id": made})
        return _pursue(attempt)


def _begin(order: SubmitTask) -> SubmissionAttempt:
    try:
        return tasks.claim_attempt(order)
    except (NotSubmittable, NameUsed) as refusal:
        tasks.record_refusal(order, str(refusal))
        ledger.close_refused(order, str(refusal))
        raise


def _join(order: SubmitTask, result: dict[str, Any]) -> dict[str, Any]:
    """End a request whose wish another one fulfils, and announces; its own attempt is not used."""
    tasks.record_refusal(order, "another request submits the task", is_superseded=True)
    ledger.close_joined(result)
    return result


def _pursue(attempt: SubmissionAttempt) -> dict[str, Any]:
    """Bring the attempt to its end, or as far as is possible now."""
    while (state := AttemptState(attempt.state)) in _ADVANCE:
        try:
            attempt = _ADVANCE[state](attempt)
        except (RunPutOff, OutsideUnavailable) as reason:
            tasks.put_off(attempt, str(reason))
            raise RunPutOff(str(reason)) from reason
        except tasks.REFUSALS as refusal:
            attempt = _refused(attempt, str(refusal))
    if state is AttemptState.FAILED:
        raise tasks.SubmissionRefused(attempt.reason or "no reason was recorded")
    return {"jedi_task_id": attempt.jedi_task_id, "panda_task_name": attempt.panda_name}


def _refused(attempt: SubmissionAttempt, reason: str) -> SubmissionAttempt:
    """What is refused before anything was sent has failed; later, nothing is known by it."""
    if attempt.sends == 0:
        return tasks.refuse(attempt, reason)
    tasks.put_off(attempt, reason)
    raise RunPutOff(reason)


def _prepare_and_send(attempt: SubmissionAttempt) -> SubmissionAttempt:
    if ledger.is_cancelled():
        return tasks.refuse(attempt, "cancelled before anything was sent")
    attempt = tasks.fetch_command(attempt)
    tasks.check_token(attempt)
    for pause in (*_BACK_OFF_SECONDS, 0.0):
        attempt = tasks.send(attempt)
        if attempt.state != AttemptState.CLAIMED:
            return attempt
        time.sleep(pause)
    return tasks.refuse(attempt, f"nothing was sent: {attempt.reason}")


def _find_out(attempt: SubmissionAttempt) -> SubmissionAttempt:
    attempt = tasks.look_up(attempt)
    if attempt.state != AttemptState.UNKNOWN:
        return attempt
    if attempt.outcome == Verdict.REJECTED:
        return tasks.settle_refused(attempt, f"PanDA refuses it: {attempt.reason}")
    if ledger.is_cancelled():
        return tasks.settle_refused(attempt, "cancelled")
    # The server is done with what was sent, and does not show it: the same name again, which
    # PanDA takes only where it has no such task.
    return tasks.send(attempt)


def _confirm_and_record(attempt: SubmissionAttempt) -> SubmissionAttempt:
    attempt = tasks.confirm(attempt)
    tasks.record(attempt)
    return tasks.close(attempt)


def _record_failure(attempt: SubmissionAttempt) -> SubmissionAttempt:
    tasks.record_failure(attempt)
    return tasks.close(attempt)


_ADVANCE: Final[dict[AttemptState, Callable[[SubmissionAttempt], SubmissionAttempt]]] = {
    AttemptState.CLAIMED: _prepare_and_send,
    AttemptState.SENDING: tasks.take_over,
    AttemptState.UNKNOWN: _find_out,
    AttemptState.CREATED: _confirm_and_record,
    AttemptState.REFUSED: _record_failure,
}
