"""How the submission of a production task stands: from its request, its attempt and its events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.pcs.models import Attempt, ProdTask
from api.pcs.queries import tasks
from api.pcs.services.attempts import SUBMIT_FAILED, SUPERSEDED
from api.submission.domain import OPEN, RESOLVABLE, Phase
from flows.common.models import Event, Request, RequestState
from flows.submission import messages
from flows.submission.models import AttemptState, Step, SubmissionAttempt

_NEVER_SENT: Final = "Its request has ended, and nothing was sent."
_MOST_EVENTS: Final = 200
_SENT: Final = frozenset({AttemptState.SENDING, AttemptState.UNKNOWN})
_FINDING_OUT: Final = frozenset({Step.RECONCILE, Step.CONFIRM})


@dataclass(frozen=True, kw_only=True)
class Submission:
    """The newest submission of a task.

    Attributes:
        request: Its request, while it is open.
        row: PCS's attempt, once it has ended.
        attempt: The ops side's record of it.
        step: The step that it is at; empty before the first.
        seen: The steps that it has been at.
        text: What the ops side said last of it.
        ahead: How many submissions were asked for before it and wait too.
        reason: Why it failed, or what is not known.
        next_check_at: When it is looked into again.
    """

    phase: Phase
    request: Request | None = None
    row: Attempt | None = None
    attempt: SubmissionAttempt | None = None
    step: str = ""
    seen: frozenset[str] = frozenset()
    text: str = ""
    ahead: int = 0
    reason: str = ""
    jedi_task_id: int | None = None
    next_check_at: datetime | None = None

    @property
    def may_be_resolved(self) -> bool:
        """Whether an operator may end it by a word."""
        return self.phase in RESOLVABLE

    @property
    def is_open(self) -> bool:
        """Whether it goes on by itself."""
        return self.phase in OPEN


def submission_of(session: Session, task: ProdTask) -> Submission:
    """The newest submission of a task."""
    request = tasks.open_request(session, task.name)
    needed = [each for each in task.attempts if not each.meta.get(SUPERSEDED)]
    newest = needed[-1] if needed else None
    if request is not None:
        return _open(session, task, request)
    return _ended(session, task, newest) if newest is not None else Submission(phase=Phase.NONE)


def attempts_of(session: Session, task: ProdTask) -> dict[str, SubmissionAttempt]:
    """The ops side's records of a task's attempts, by their names at PanDA."""
    found = session.scalars(
        select(SubmissionAttempt)
        .where(SubmissionAttempt.task_name == task.name)
        .order_by(SubmissionAttempt.id)
    )
    return {attempt.panda_name: attempt for attempt in found}


def _open(session: Session, task: ProdTask, request: Request) -> Submission:
    attempt = session.scalar(
        select(SubmissionAttempt).where(
            SubmissionAttempt.task_name == task.name, SubmissionAttempt.request_id == request.id
        )
    )
    phase = _phase(RequestState(request.state), attempt)
    reached = _progress(session, request.id)
    last = reached[-1] if reached else {}
    return Submission(
        phase=phase,
        request=request,
        attempt=attempt,
        step=str(last.get("step", "")),
        seen=frozenset(str(each.get("step", "")) for each in reached),
        text=str(last.get("text", "")),
        ahead=_ahead(session, request) if phase is Phase.WAITING else 0,
        reason=request.error or (attempt.reason if attempt is not None else "") or "",
        jedi_task_id=attempt.jedi_task_id if attempt is not None else None,
        next_check_at=request.not_before,
    )


def _phase(state: RequestState, attempt: SubmissionAttempt | None) -> Phase:
    if attempt is not None and attempt.state == AttemptState.CREATED:
        is_put_off = state in {RequestState.UNKNOWN, RequestState.QUEUED}
        # What was unknown and is being confirmed was not refused by PCS yet.
        if is_put_off or (attempt.checks > 0 and attempt.step not in _FINDING_OUT):
            return Phase.UNRECORDED
    is_sent = attempt is not None and attempt.state in _SENT
    if state is RequestState.UNKNOWN or (is_sent and attempt is not None and attempt.checks > 0):
        return Phase.UNKNOWN
    if state is RequestState.QUEUED:
        return Phase.UNKNOWN if is_sent else Phase.WAITING
    return Phase.RUNNING


def _ended(session: Session, task: ProdTask, newest: Attempt) -> Submission:
    attempt = attempts_of(session, task).get(newest.task_name)
    if attempt is not None and attempt.state == AttemptState.UNRESOLVED:
        return Submission(
            phase=Phase.UNRESOLVED,
            attempt=attempt,
            reason=attempt.reason or "",
            jedi_task_id=attempt.jedi_task_id,
        )
    if newest.jedi_task_id is not None:
        made = newest.jedi_task_id
        return Submission(phase=Phase.SUBMITTED, row=newest, attempt=attempt, jedi_task_id=made)
    reason = str(newest.meta.get("submit_failure") or "") or (attempt and attempt.reason) or ""
    if newest.status_snapshot != SUBMIT_FAILED and not reason:
        reason = _end_of_request(session, task, newest) or _NEVER_SENT
    return Submission(
        phase=Phase.FAILED,
        attempt=attempt,
        reason=reason,
        jedi_task_id=attempt.jedi_task_id if attempt is not None else None,
    )


def _end_of_request(session: Session, task: ProdTask, newest: Attempt) -> str | None:
    """Why a request that made no attempt has ended; looked for by its time, which has an index."""
    return session.scalar(
        select(Request.error)
        .where(
            Request.action == tasks.SUBMIT,
            Request.created_at >= newest.created_at,
            Request.subject == task.name,
        )
        .order_by(Request.created_at)
        .limit(1)
    )


def _progress(session: Session, request_id: int) -> list[dict[str, Any]]:
    """What the ops side said of the request, oldest first."""
    newest = session.scalars(
        select(Event.payload)
        .where(Event.request_id == request_id, Event.msg_type == messages.PROGRESS)
        .order_by(Event.id.desc())
        .limit(_MOST_EVENTS)
    )
    return list(newest)[::-1]


def _ahead(session: Session, request: Request) -> int:
    waiting = select(func.count()).where(
        Request.action == tasks.SUBMIT,
        Request.state == RequestState.QUEUED,
        Request.id < request.id,
    )
    return session.scalar(waiting) or 0
