"""An execution with all that is known of it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.workflows import domain
from api.workflows.queries import executions, messages
from api.workflows.views import ExecutionDetail, ExecutionView, RunStateView
from blocks.errors import NotFound
from flows.agents.models import WorkflowExecution
from flows.common.text import unkeepable
from flows.fastmon.models import RunState


class ExecutionNotFound(NotFound):
    """There is no execution of that id."""


def find(session: Session, execution_id: str) -> ExecutionView:
    """The execution of that id, as lists show it.

    Raises:
        ExecutionNotFound: There is none.
    """
    is_possible = not any(unkeepable(execution_id))
    found = executions.find(session, execution_id) if is_possible else None
    if found is None:
        raise ExecutionNotFound(f"there is no execution {execution_id[:100]!r}")
    return found


def read(session: Session, execution_id: str) -> ExecutionDetail:
    """The execution of that id.

    Raises:
        ExecutionNotFound: There is none.
    """
    execution = find(session, execution_id)
    changes = messages.changes(session, execution)
    return ExecutionDetail(
        **execution.model_dump(),
        parameters=domain.parameters_of(_parameter_values(session, execution_id)),
        run_state=_run_state(session, execution),
        spans=domain.spans(changes, began=execution.began, ended=execution.ended),
        marks=messages.marks(session, execution),
        participants=messages.participants(session, execution),
        message_counts=messages.counts(session, execution),
    )


def _parameter_values(session: Session, execution_id: str) -> Any:
    column = WorkflowExecution.parameter_values
    return session.scalar(select(column).where(WorkflowExecution.execution_id == execution_id))


def _run_state(session: Session, execution: ExecutionView) -> RunStateView | None:
    if execution.run_number is None:
        return None
    row = session.get(RunState, execution.run_number)
    return RunStateView.model_validate(row, from_attributes=True) if row is not None else None
