"""What a run writes down of its attempt: one fenced transaction each, with the events it announces.

The flow's tasks retry these through an outage of the database.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from sqlalchemy.orm import Session

from flows.common import events, requests
from flows.common.database import now
from flows.common.database import transaction as begin
from flows.common.models import RequestState
from flows.submission import messages, repository
from flows.submission.actions import SubmitTask
from flows.submission.models import AttemptState, Step, SubmissionAttempt
from flows.submission.workplace import workplace

_MAX_CHECK_SECONDS: Final = 600.0


def of_request() -> SubmissionAttempt | None:
    """The attempt that an earlier run of the request made."""
    place = workplace()
    with begin(place.engine) as session:
        return repository.of_request(session, place.holder.request_id)


def claim(values: dict[str, Any]) -> SubmissionAttempt:
    """Claim the attempt.

    Raises:
        AttemptOpen: Another request has an open attempt for the task.
        NameUsed: The name belongs to an earlier attempt.
        ClaimLost: The request is no longer ours.
    """
    place = workplace()
    with begin(place.engine) as session:
        attempt = repository.claim(session, place.holder, values)
        _commit_step(session, attempt, Step.CLAIM, "the attempt is claimed")
        return attempt


def write(attempt: SubmissionAttempt, step: Step, text: str, **values: Any) -> SubmissionAttempt:
    """Write `values` to the attempt, and tell the step that it is at.

    Raises:
        ClaimLost: The request is no longer ours.
    """
    place = workplace()
    with begin(place.engine) as session:
        written = repository.write(
            session, place.holder, attempt.id, {"step": step.value, **values}
        )
        _commit_step(session, written, step, text)
        return written


def close(attempt: SubmissionAttempt) -> SubmissionAttempt:
    """End attempt and request with the one final event; PCS has the record already.

    Raises:
        ClaimLost: The request is no longer ours.
    """
    if attempt.state == AttemptState.CREATED and attempt.jedi_task_id is not None:
        return _close_submitted(attempt, attempt.jedi_task_id)
    return _close_failed(attempt, attempt.reason or "no reason was recorded")


def close_refused(order: SubmitTask, reason: str) -> None:
    """End a request that made no attempt, with the one final event.

    Raises:
        ClaimLost: The request is no longer ours.
    """
    place = workplace()
    with begin(place.engine) as session:
        requests.finish(session, place.holder, RequestState.FAILED, error=reason)
        events.commit(session, [messages.failed(order.task_name, reason, place.holder)])


def maker_of(jedi_task_id: int) -> int | None:
    """The request whose attempt became that task; None where it was made by hand."""
    with begin(workplace().engine) as session:
        return repository.maker_of(session, jedi_task_id)


def close_joined(result: dict[str, Any]) -> None:
    """End a request whose wish another one fulfils: that one announces the outcome.

    Raises:
        ClaimLost: The request is no longer ours.
    """
    place = workplace()
    with begin(place.engine) as session:
        requests.finish(session, place.holder, RequestState.COMPLETED, result=result)


def put_off(attempt: SubmissionAttempt, reason: str, *, within_seconds: float | None) -> None:
    """End the run, not the request: it is looked into again, after a time that grows.

    Args:
        attempt: The attempt, sent or unsent.
        reason: What is not known, or not recorded.
        within_seconds: When there is something to do at the latest; None: no matter when.

    Raises:
        ClaimLost: The request is no longer ours.
    """
    place = workplace()
    delay = _delay(attempt.checks, within_seconds)
    with begin(place.engine) as session:
        checks = {"checks": attempt.checks + 1}
        written = repository.write(session, place.holder, attempt.id, checks)
        if _is_vain(written):
            requests.give_back(session, place.holder, error=reason, delay_seconds=delay)
            return
        requests.put_off(session, place.holder, error=reason, delay_seconds=delay)
        events.commit(session, [_put_off_event(written, reason, delay)])


def give_back(reason: str) -> None:
    """Let the request wait in the queue again: nothing was begun.

    Raises:
        ClaimLost: The request is no longer ours.
    """
    place = workplace()
    delay = place.settings.submission.check_seconds
    with begin(place.engine) as session:
        requests.give_back(session, place.holder, error=reason, delay_seconds=delay)


def is_cancelled() -> bool:
    """Whether somebody wants the request to end."""
    place = workplace()
    with begin(place.engine) as session:
        return requests.cancellation_of(session, place.holder.request_id) is not None


def _is_vain(attempt: SubmissionAttempt) -> bool:
    """Whether nothing of the attempt was ever sent: then nothing is unknown."""
    return attempt.state == AttemptState.CLAIMED and attempt.sends == 0


def _delay(checks: int, within_seconds: float | None) -> float:
    first = workplace().settings.submission.check_seconds
    delay: float = min(_MAX_CHECK_SECONDS, first * 2 ** min(checks, 10))
    return delay if within_seconds is None else max(0.0, min(delay, within_seconds))


def _put_off_event(
    attempt: SubmissionAttempt, reason: str, delay_seconds: float
) -> events.NewEvent:
    holder = workplace().holder
    when = now() + timedelta(seconds=delay_seconds)
    if attempt.state == AttemptState.CREATED and attempt.jedi_task_id is not None:
        task, id_ = attempt.task_name, attempt.jedi_task_id
        return messages.unrecorded(task, id_, reason, when, holder)
    return messages.unknown(attempt.task_name, reason, when, holder)


def _close_submitted(attempt: SubmissionAttempt, jedi_task_id: int) -> SubmissionAttempt:
    place = workplace()
    result = {"jedi_task_id": jedi_task_id, "panda_task_name": attempt.panda_name}
    with begin(place.engine) as session:
        ended = repository.write(
            session,
            place.holder,
            attempt.id,
            {"state": AttemptState.RECORDED, "step": Step.CLOSE.value, "reason": None},
        )
        requests.finish(session, place.holder, RequestState.COMPLETED, result=result)
        told = messages.submitted(attempt.task_name, jedi_task_id, place.holder)
        events.commit(session, [told])
        return ended


def _close_failed(attempt: SubmissionAttempt, reason: str) -> SubmissionAttempt:
    place = workplace()
    with begin(place.engine) as session:
        ended = repository.write(
            session,
            place.holder,
            attempt.id,
            {"state": AttemptState.FAILED, "step": Step.CLOSE.value},
        )
        wish = requests.cancellation_of(session, place.holder.request_id)
        state = RequestState.FAILED if wish is None else RequestState.CANCELLED
        requests.finish(session, place.holder, state, error=reason)
        events.commit(session, [messages.failed(attempt.task_name, reason, place.holder)])
        return ended


def _commit_step(session: Session, attempt: SubmissionAttempt, step: Step, text: str) -> None:
    holder = workplace().holder
    told = messages.progress(attempt.task_name, step.value, step.number, text, holder)
    events.commit(session, [told])
