"""Executions and definitions of workflows as their rows record them, and the end of one by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Select, func, select, update
from sqlalchemy.orm import Session

from api.workflows.queries.detail import ExecutionNotFound
from flows.agents.models import WorkflowDefinition, WorkflowExecution
from flows.workflows.models import ExecutionStatus, WorkflowRun


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which executions are listed; None filters nothing.

    Attributes:
        namespace: Its namespace.
        status: Its status, in whatever case.
        executed_by: Who runs it.
        workflow_name: The workflow's name.
        since: Begun not before.
        until: Begun not after.
    """

    namespace: str | None = None
    status: str | None = None
    executed_by: str | None = None
    workflow_name: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """What holds for each."""
        row = WorkflowExecution
        found: list[ColumnElement[bool]] = []
        if self.namespace is not None:
            found.append(row.namespace == self.namespace)
        if self.status is not None:
            found.append(func.lower(row.status) == self.status.lower())
        if self.executed_by is not None:
            found.append(row.executed_by == self.executed_by)
        if self.workflow_name is not None:
            found.append(WorkflowDefinition.workflow_name == self.workflow_name)
        if self.since is not None:
            found.append(row.start_time >= self.since)
        if self.until is not None:
            found.append(row.start_time <= self.until)
        return found


def page(
    session: Session, wanted: Wanted, *, limit: int, offset: int
) -> tuple[int, Sequence[RowMapping]]:
    """How many executions are wanted, and so many of them, the newest first."""
    query = _query().where(*wanted.conditions())
    counted = query.with_only_columns(func.count(), maintain_column_froms=True)
    row = WorkflowExecution
    last_first = query.order_by(row.start_time.desc(), row.execution_id.desc())
    rows = session.execute(last_first.limit(limit).offset(offset)).mappings().all()
    return session.scalar(counted) or 0, rows


def find(session: Session, execution_id: str) -> RowMapping:
    """The execution of that id.

    Raises:
        ExecutionNotFound: There is none.
    """
    query = _query().where(WorkflowExecution.execution_id == execution_id)
    row = session.execute(query).mappings().one_or_none()
    if row is None:
        raise ExecutionNotFound(f"there is no execution {execution_id[:100]!r}")
    return row


def definitions(
    session: Session, wanted: Sequence[ColumnElement[bool]], *, limit: int, offset: int
) -> tuple[int, Sequence[RowMapping]]:
    """How many definitions the conditions leave, and so many of them, by name and version."""
    row = WorkflowDefinition
    used = select(func.count()).where(WorkflowExecution.workflow_definition_id == row.id)
    query = select(
        row.workflow_name,
        row.version,
        row.workflow_type,
        row.created_by,
        row.created_at,
        used.scalar_subquery().label("execution_count"),
    ).where(*wanted)
    total = session.scalar(select(func.count()).select_from(row).where(*wanted))
    in_order = query.order_by(row.workflow_name, row.version.desc(), row.id)
    return total or 0, session.execute(in_order.limit(limit).offset(offset)).mappings().all()


def open_run(session: Session, execution_id: str) -> WorkflowRun | None:
    """The run of an execution by a request of prodops that has not ended."""
    is_open = (WorkflowRun.execution_id == execution_id, WorkflowRun.ended_at.is_(None))
    return session.scalars(select(WorkflowRun).where(*is_open)).one_or_none()


def terminate(session: Session, execution_id: str, at: datetime) -> bool:
    """Record that a running execution was ended; false where it does not run."""
    ended = (
        update(WorkflowExecution)
        .where(
            WorkflowExecution.execution_id == execution_id,
            WorkflowExecution.status == ExecutionStatus.RUNNING,
        )
        .values(status=ExecutionStatus.TERMINATED, end_time=at)
        .returning(WorkflowExecution.execution_id)
    )
    return session.scalar(ended) is not None


def _query() -> Select[Any]:
    row = WorkflowExecution
    return select(
        row.execution_id,
        WorkflowDefinition.workflow_name,
        row.namespace,
        row.status,
        row.executed_by,
        row.start_time,
        row.end_time,
        row.parameter_values,
        row.performance_metrics,
    ).outerjoin(WorkflowDefinition, WorkflowDefinition.id == row.workflow_definition_id)
