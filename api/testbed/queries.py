"""What is read of users' testbeds beside their agents."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from flows.agents.models import WorkflowExecution
from flows.workflows.models import ExecutionStatus


def running_executions(session: Session, namespace: str | None) -> int:
    """How many executions of workflows run in a namespace."""
    if namespace is None:
        return 0
    query = select(func.count()).where(
        WorkflowExecution.namespace == namespace,
        WorkflowExecution.status == ExecutionStatus.RUNNING,
    )
    return session.scalar(query) or 0
