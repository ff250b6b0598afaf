"""How an execution ends, whatever ended it: with its `end_run`, a status and a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from flows.common import run_states
from flows.common.database import now
from flows.common.events import NewEvent
from flows.common.models import Request, RequestState
from flows.workflows import messages, repository
from flows.workflows.models import ExecutionStatus, WorkflowRun

_STATUSES = {
    RequestState.COMPLETED: ExecutionStatus.COMPLETED,
    RequestState.CANCELLED: ExecutionStatus.TERMINATED,
}


def end(
    session: Session, execution: WorkflowRun, status: ExecutionStatus, *, tick: float, at: datetime
) -> list[NewEvent]:
    """End the execution; gives the `end_run` of a run that was announced and has not ended."""
    announced = []
    if execution.messages and not execution.is_run_ended:
        message = messages.broken_off(execution, tick)
        announced.append(messages.event_of(message, execution, at))
        run_states.advance(session, messages.lifecycle([message], execution), at)
        repository.end_run(session, execution, at)
        execution.messages += 1
    repository.end(session, execution, status, at)
    return announced


def of_request(session: Session, request: Request) -> Sequence[NewEvent]:
    """End the execution of a request that ended without its flow: cancelled, failed or lost."""
    execution = repository.of_request(session, request.id)
    if execution is None or execution.ended_at is not None:
        return ()
    status = _STATUSES.get(request.state, ExecutionStatus.FAILED)
    return end(session, execution, status, tick=execution.tick, at=now())
