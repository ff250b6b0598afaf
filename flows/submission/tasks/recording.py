"""Steps 9 and 10: the record at PCS, then the end of attempt and request with its event."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from prefect import get_run_logger
from sqlalchemy.orm import Session

from blocks.errors import ProdOpsError
from blocks.pcs_service import NotAllowed, PcsConflict, PcsRefused, RouteMissing, TaskUnknown
from flows.common import cancellations, run
from flows.common.database import now
from flows.common.flow import task
from flows.common.models import RequestState
from flows.common.run import Announce, Ending, RunPutOff
from flows.submission import messages
from flows.submission.models import AttemptState, Step, SubmissionAttempt
from flows.submission.repository import attempts
from flows.submission.schemas import SubmitTask
from flows.submission.tasks import common

_MAX_CHECK_SECONDS: Final = 600.0
_MAX_REASON: Final = 5000
_FIRST_REFUSAL: Final = 400  # below is a redirect: at that address is no PCS


class IdRefused(ProdOpsError):
    """PanDA has the task, and PCS will not take its id: an operator decides."""


# ------------------------------------------------------------------ at PCS


@task("record at PCS", puts_off=True)
def record(attempt: SubmissionAttempt) -> None:
    """Record the id at PCS, as the task's owner; the same id again changes nothing.

    Raises:
        IdRefused: PCS refuses it, and will refuse it again.
        RunPutOff: PCS refuses who asks, or is not at this address: both may be put right.
    """
    common.write(attempt, Step.RECORD, f"recording {attempt.jedi_task_id} at PCS")
    assert attempt.jedi_task_id is not None  # noqa: S101 - the state says so
    try:
        common.pcs().record_submission(
            attempt.task_name,
            attempt.jedi_task_id,
            panda_tasks_id=attempt.panda_tasks_id,
            panda_task_name=attempt.panda_name,
            owner=_nameable(attempt.owner),
            replaces=_former(),
            remark=attempt.differs,
        )
    except PcsRefused as error:
        reason = f"PCS refuses the id {attempt.jedi_task_id}: {error}"
        may_pass = isinstance(error, NotAllowed | RouteMissing) or error.status < _FIRST_REFUSAL
        if may_pass and not run.current().is_cancelled():
            raise RunPutOff(reason) from error
        raise IdRefused(reason) from error


def _former() -> int | None:
    """The number that PCS has until now, where an operator decided that it gives way."""
    decided = common.resolution()
    return decided.former_jedi_task_id if decided is not None else None


@task("record the failure at PCS", puts_off=True)
def record_failure(attempt: SubmissionAttempt) -> None:
    """Record at PCS that the attempt made no task, where PCS has a row for it.

    Raises:
        RunPutOff: PCS refuses to take it.
    """
    try:
        _record_failure(attempt, attempt.reason)
    except (PcsConflict, RouteMissing, TaskUnknown) as error:
        # The row has an id, or is gone: there is nothing to mark.
        get_run_logger().warning("PCS keeps its record: %s", error)
    except PcsRefused as error:
        text = f"{attempt.reason}; PCS refuses to record it: {error}"
        raise RunPutOff(text) from error


@task("record the refusal at PCS")
def record_refusal(form: SubmitTask, reason: str, *, is_superseded: bool = False) -> None:
    """Record at PCS that the attempt was refused before it began, or that it is not needed."""
    try:
        _record_failure(form, reason, is_superseded=is_superseded)
    except PcsRefused as error:
        get_run_logger().warning("PCS keeps its record: %s", error)


def _record_failure(
    of: SubmissionAttempt | SubmitTask, reason: str | None, *, is_superseded: bool = False
) -> None:
    if of.panda_tasks_id is None:
        return
    common.pcs().record_submission_failure(
        of.task_name,
        panda_tasks_id=of.panda_tasks_id,
        reason=" ".join((reason or "").split())[:_MAX_REASON],
        owner=_nameable(of.owner) if isinstance(of, SubmissionAttempt) else "",
        is_superseded=is_superseded,
        gives_up=_former(),
    )


def _nameable(owner: str) -> str:
    """The owner, where a header can name it; else the ops side records in its own name."""
    return owner if owner.isascii() and owner.isprintable() else ""


# ------------------------------------------------------------------ attempt and request


@task("close")
def close(attempt: SubmissionAttempt) -> SubmissionAttempt:
    """End attempt and request with the one final event; PCS has the record already."""
    present = run.current()
    decided = common.resolution()

    def end(session: Session, announce: Announce) -> Ending:
        if attempt.state == AttemptState.CREATED and attempt.jedi_task_id is not None:
            values: dict[str, Any] = {"state": AttemptState.RECORDED, "reason": None}
            result = {"jedi_task_id": attempt.jedi_task_id, "panda_task_name": attempt.panda_name}
            ending = Ending(result=result)
            event = messages.submitted(
                attempt.task_name, attempt.jedi_task_id, present.claim, differs=attempt.differs
            )
        else:
            values = {"state": AttemptState.FAILED}
            reason = attempt.reason or "no reason was recorded"
            wish = cancellations.of(session, present.claim.request_id)
            state = RequestState.FAILED if wish is None else RequestState.CANCELLED
            ending = Ending(state=state, error=reason)
            if decided is not None:  # what was asked for is done
                ending = Ending(result={"jedi_task_id": None, "outcome": decided.outcome})
            event = messages.failed(attempt.task_name, reason, present.claim)
        attempts.write(session, attempt.id, {**values, "step": Step.CLOSE.value})
        announce(event)
        return ending

    present.finish(end)
    return present.read(lambda session: attempts.get(session, attempt.id))


@task("leave it to an operator")
def leave_unresolved(attempt: SubmissionAttempt, refusal: str) -> str:
    """End the request, and not the attempt: PanDA has a task that PCS does not take.

    Returns:
        What an operator is told.
    """
    present = run.current()
    jedi_task_id = attempt.jedi_task_id or 0
    reason = (
        f"PanDA has {attempt.panda_name} as {jedi_task_id} at {attempt.panda_server}; "
        f"{refusal.rstrip('.')}. Which task, and which PanDA, is it? "
        "It is not submitted again until an operator settles it: "
        f"prodops task resolve {attempt.task_name}"
    )

    def end(session: Session, announce: Announce) -> Ending:
        values = {"state": AttemptState.UNRESOLVED, "reason": reason, "step": Step.RECORD.value}
        attempts.write(session, attempt.id, values)
        announce(messages.unrecorded(attempt.task_name, jedi_task_id, reason, None, present.claim))
        wish = cancellations.of(session, present.claim.request_id)
        state = RequestState.FAILED if wish is None else RequestState.CANCELLED
        return Ending(state=state, error=reason)

    present.finish(end)
    return reason


def close_refused(form: SubmitTask, reason: str) -> None:
    """End a request that made no attempt, with the one final event."""
    present = run.current()

    def end(_: Session, announce: Announce) -> Ending:
        announce(messages.failed(form.task_name, reason, present.claim))
        return Ending.failed(reason)

    present.finish(end)


@task("put off")
def put_off(attempt: SubmissionAttempt, reason: str) -> None:
    """End the run, not the request: a later run goes on, after a time that grows."""
    present = run.current()
    # What a step wrote before it failed is in the row, and not in the caller's attempt.
    row = present.read(lambda session: attempts.get(session, attempt.id))
    delay = _delay_seconds(row)
    is_unknown = row.state != AttemptState.CLAIMED or row.sends > 0

    def note(session: Session, announce: Announce) -> None:
        attempts.write(session, row.id, {"checks": row.checks + 1})
        when, name, made = now() + timedelta(seconds=delay), row.task_name, row.jedi_task_id
        if row.state == AttemptState.CREATED and made is not None:
            announce(messages.unrecorded(name, made, reason, when, present.claim))
        elif is_unknown:
            announce(messages.unknown(name, reason, when, present.claim))

    present.put_off(reason, delay_seconds=delay, is_unknown=is_unknown, work=note)


def _delay_seconds(attempt: SubmissionAttempt) -> float:
    """Until the next look: it grows, but not past the moment when the server is surely done."""
    first = run.current().settings.submission.check_seconds
    delay: float = min(_MAX_CHECK_SECONDS, first * 2 ** min(attempt.checks, 10))
    if attempt.state == AttemptState.UNKNOWN and attempt.sending_until is not None:
        left = (attempt.sending_until - now()).total_seconds()
        return min(delay, left) if left > 0 else delay
    return delay
