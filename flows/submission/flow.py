"""The flows of submission: a task is submitted, operated on while it lives, and followed.

An attempt goes ``claimed -> sending -> created -> recorded``, or ends ``refused -> failed``; what
prun left unsaid is ``unknown`` until a run finds out. A run may be lost anywhere: the next one of
the same request goes on from the attempt's row.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from itertools import islice
from typing import Any, Final

from prefect import get_run_logger

from blocks.errors import OutsideUnavailable, ProdOpsError
from blocks.panda_server import PandaRefused, TokenRefused
from blocks.pcs_service import PcsRefused
from flows.common import run
from flows.common.actions import Nothing
from flows.common.flow import flow
from flows.common.outsides import PANDA
from flows.common.run import Ending, RunPutOff
from flows.submission.actions import (
    OPERATE_TASK,
    RESOLVE_SUBMISSION,
    SUBMIT_TASK,
    SYNC_TASK_STATES,
)
from flows.submission.domain import comparison
from flows.submission.domain.claim import NotSubmittable, Overtaken, TaskUnreadable
from flows.submission.domain.operations import OperationRefused, irrelevant, shows
from flows.submission.domain.states import news, unsettled
from flows.submission.domain.verdict import Verdict
from flows.submission.models import AttemptState, OperationStatus, PandaOperation, SubmissionAttempt
from flows.submission.repository import attempts
from flows.submission.repository.attempts import AttemptOpen, NameUsed, Unresolved
from flows.submission.schemas import OperateTask, ResolveSubmission, SubmitTask
from flows.submission.tasks import (
    associating,
    common,
    operating,
    preparing,
    reconciling,
    recording,
    resolving,
    sending,
    syncing,
    updating,
)

_BACK_OFF_SECONDS: Final = (1.0, 4.0)  # between the tries of a prun that could not even send
_POLL_SECONDS: Final = 1.0
_MOST_NAMED: Final = 20  # rows of PCS that cannot be read
_BUSY_SECONDS: Final = 5.0
_Steps = dict[AttemptState, Callable[[SubmissionAttempt], SubmissionAttempt]]


class SubmissionUnresolved(ProdOpsError):
    """PanDA has a task whose id PCS refuses for good: an operator decides."""


class OperationFailed(ProdOpsError):
    """The operation was refused, or its effect did not show."""


# ------------------------------------------------------------------ submitting


@flow(SUBMIT_TASK)
def submit_task(form: SubmitTask) -> dict[str, Any]:
    """Submit a production task to PanDA with prun, exactly once, and record its id.

    Returns:
        The record: jedi_task_id, panda_task_name; or joined, the request that submits it already.
    """
    present = run.current()
    try:
        attempt = _begin(form)
    except OutsideUnavailable as outage:
        delay = present.settings.submission.check_seconds
        reason = f"nothing was begun: {outage}"
        present.put_off(reason, delay_seconds=delay, is_unknown=False)
        raise RunPutOff(reason) from outage
    except AttemptOpen as rival:
        return _join(form, {"joined": rival.request_id})
    except Overtaken as other:
        made = other.jedi_task_id
        maker = present.read(lambda session: attempts.maker_of(session, made))
        return _join(form, {"joined": maker or 0, "jedi_task_id": made})
    return _pursue(attempt)


def _begin(form: SubmitTask) -> SubmissionAttempt:
    try:
        return preparing.claim_attempt(form)
    except (NotSubmittable, TaskUnreadable, NameUsed, Unresolved) as refusal:
        recording.record_refusal(form, str(refusal))
        recording.close_refused(form, str(refusal))
        raise


def _join(form: SubmitTask, result: dict[str, Any]) -> dict[str, Any]:
    """End a request whose wish another one fulfils, and announces; its own attempt is not used."""
    recording.record_refusal(form, "another request submits the task", is_superseded=True)
    run.current().finish(Ending(result=result))
    return result


def _pursue(attempt: SubmissionAttempt) -> dict[str, Any]:
    """Bring the attempt to its end, or as far as is possible now."""
    attempt = _advanced(attempt, _ADVANCE)
    if attempt.state == AttemptState.FAILED:
        raise preparing.SubmissionRefused(attempt.reason or "no reason was recorded")
    return {"jedi_task_id": attempt.jedi_task_id, "panda_task_name": attempt.panda_name}


def _advanced(attempt: SubmissionAttempt, steps: _Steps) -> SubmissionAttempt:
    while (state := AttemptState(attempt.state)) in steps:
        try:
            attempt = steps[state](attempt)
        except (RunPutOff, OutsideUnavailable) as reason:
            recording.put_off(attempt, str(reason))
            raise RunPutOff(str(reason)) from reason
        except preparing.REFUSALS as refusal:
            attempt = _refused(attempt, str(refusal))
    return attempt


def _refused(attempt: SubmissionAttempt, reason: str) -> SubmissionAttempt:
    """What is refused before anything was sent has failed; later, nothing is known by it."""
    if attempt.sends == 0:
        return preparing.refuse(attempt, reason)
    recording.put_off(attempt, reason)
    raise RunPutOff(reason)


def _prepare_and_send(attempt: SubmissionAttempt) -> SubmissionAttempt:
    if run.current().is_cancelled():
        return preparing.refuse(attempt, "cancelled before anything was sent")
    attempt = preparing.fetch_command(attempt)
    preparing.check_token(attempt)
    for pause in (*_BACK_OFF_SECONDS, 0.0):
        attempt = sending.send(attempt)
        if attempt.state != AttemptState.CLAIMED:
            return attempt
        time.sleep(pause)
    return preparing.refuse(attempt, f"nothing was sent: {attempt.reason}")


def _reconcile(attempt: SubmissionAttempt) -> SubmissionAttempt:
    attempt = reconciling.look_up(attempt)
    if attempt.state != AttemptState.UNKNOWN:
        return attempt
    if attempt.outcome == Verdict.REJECTED:
        return reconciling.settle_refused(attempt, f"PanDA refuses it: {attempt.reason}")
    if run.current().is_cancelled():
        return reconciling.settle_refused(attempt, "cancelled")
    # The server is done with what was sent, and does not show it: the same name again, which
    # PanDA takes only where it has no such task.
    return sending.send(attempt)


def _confirm_and_record(attempt: SubmissionAttempt) -> SubmissionAttempt:
    return _record(reconciling.confirm(attempt))


def _record(attempt: SubmissionAttempt) -> SubmissionAttempt:
    try:
        recording.record(attempt)
    except recording.IdRefused as refusal:
        text = recording.leave_unresolved(attempt, str(refusal))
        raise SubmissionUnresolved(text) from refusal
    return recording.close(attempt)


def _record_failure(attempt: SubmissionAttempt) -> SubmissionAttempt:
    recording.record_failure(attempt)
    return recording.close(attempt)


_ADVANCE: Final[_Steps] = {
    AttemptState.CLAIMED: _prepare_and_send,
    AttemptState.SENDING: reconciling.take_over,
    AttemptState.UNKNOWN: _reconcile,
    AttemptState.CREATED: _confirm_and_record,
    AttemptState.REFUSED: _record_failure,
}
_CARRY_OUT: Final[_Steps] = {
    AttemptState.CREATED: _record,
    AttemptState.REFUSED: _record_failure,
}


# ------------------------------------------------------------------ an operator's word


@flow(RESOLVE_SUBMISSION)
def resolve_submission(form: ResolveSubmission) -> dict[str, Any]:
    """Settle a submission by an operator's word, and carry it out as the submission would.

    Returns:
        The record: jedi_task_id, panda_task_name; of one that failed, jedi_task_id is none.
    """
    present = run.current()
    try:
        attempt = resolving.take_over(form)
    except resolving.Busy as busy:
        present.put_off(str(busy), delay_seconds=_BUSY_SECONDS, is_unknown=False)
        raise RunPutOff(str(busy)) from busy
    except (*resolving.REFUSALS, OutsideUnavailable) as refusal:
        present.finish(Ending.failed(f"nothing was decided: {refusal}"))
        raise
    attempt = _advanced(attempt, _CARRY_OUT)
    return {"jedi_task_id": attempt.jedi_task_id, "panda_task_name": attempt.panda_name}


# ------------------------------------------------------------------ operating on a live task


@flow(OPERATE_TASK)
def panda_task_operation(form: OperateTask) -> dict[str, Any]:
    """Raise the attempts of a live task, retry its failures, pause or resume it.

    It is sent once, and believed when the state that follows shows it.

    Returns:
        The record: operation, jedi_task_id, status, observed_status, diagnostic.
    """
    record = operating.begin(form)
    try:
        operating.require_ours(form)
        if record.sent_at is None:
            record = _send(form)
        observed = _watch(form, record)
    except (OperationRefused, PandaRefused, PcsRefused, TokenRefused) as refusal:
        status = OperationStatus.FAILED if record.sent_at is None else OperationStatus.UNVERIFIED
        raise _failed(form, status, str(refusal)) from refusal
    except OutsideUnavailable as outage:
        raise _failed(form, OperationStatus.UNVERIFIED, f"no answer: {outage}") from outage
    if observed is None:
        text = "PanDA took it, and its effect did not show in time"
        if record.status == OperationStatus.RUNNING:
            text = "whether PanDA took it is not known, and its effect did not show in time"
        raise _failed(form, OperationStatus.UNVERIFIED, text)
    text = f"{form.operation.value} shows: the task is {observed}"
    if record.observed_before == observed:
        text = f"PanDA says: {record.diagnostic}"
    result = operating.finish(form, OperationStatus.VERIFIED, text, observed=observed)
    _record_status(form, observed)
    return result


def _send(form: OperateTask) -> PandaOperation:
    """Ask PanDA, once: what a lost answer did is left to the state that follows."""
    before = operating.look(form.jedi_task_id)
    problem = irrelevant(form, before)
    if problem:
        raise OperationRefused(problem)
    operating.note_sent(before)
    return operating.note_accepted(operating.ask(form))


def _watch(form: OperateTask, record: PandaOperation) -> str | None:
    """The state that shows the effect; None where none did in time."""
    is_accepted = record.status == OperationStatus.ACCEPTED
    before, kind = record.observed_before, form.operation
    give_up = time.monotonic() + run.current().settings.submission.operation_seconds
    while True:
        observed = operating.look(form.jedi_task_id)
        if shows(kind, before, observed, is_accepted=is_accepted):
            return observed
        if time.monotonic() > give_up:
            return None
        time.sleep(_POLL_SECONDS)


def _failed(form: OperateTask, status: OperationStatus, text: str) -> OperationFailed:
    operating.finish(form, status, text)
    return OperationFailed(text)


def _record_status(form: OperateTask, observed: str) -> None:
    """Let PCS know at once; where it does not answer, the next sync does."""
    if not form.task_name:
        return
    try:
        common.pcs().record_status(form.task_name, form.jedi_task_id, observed)
    except OutsideUnavailable as outage:
        get_run_logger().warning("PCS learns of it by the next sync: %s", outage)


# ------------------------------------------------------------------ following


@flow(SYNC_TASK_STATES)
def sync_task_states(_: Nothing) -> dict[str, Any]:
    """Ask PanDA for the states of submitted tasks, and bring PCS up to date.

    Returns:
        Numbers: asked, seen, recorded by kind, refused; said: remarks for the operator by kind;
        unreadable: what PCS shows in another form, and why it is left out.
    """
    result = _synced()
    run.current().finish(Ending(result=result))
    return result


def _synced() -> dict[str, Any]:
    if not run.current().sources.has(PANDA):
        return {"skipped": "no PanDA server is set (PANDA_URL_SSL)"}
    tasks = syncing.read_tasks()
    associating.announce_left(tasks)
    in_work = syncing.names_in_work()
    look = syncing.ask_panda(tasks, syncing.last_sync())
    remarks = syncing.compare(tasks, look)
    foreign = comparison.not_ours(remarks)
    ours = [each for each in look.tasks if each.id not in foreign]
    recorded = updating.record_each(news(tasks, ours, in_work=in_work))
    said = Counter(each.kind.value for each in remarks)
    numbers = {"asked": len(unsettled(tasks)), "seen": len(look.tasks), **recorded}
    unreadable = dict(islice(common.pcs().unreadable.items(), _MOST_NAMED))
    more = {"unreadable": unreadable} if unreadable else {}
    return {**numbers, "said": dict(said), **more}
