"""Executions: listed by namespace and status, newest first, and one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from api.workflows.views import ExecutionView
from flows.agents.models import WorkflowExecution
from flows.common.database import among, now
from flows.common.models import OPEN, Request
from flows.fastmon.models import RunState
from flows.workflows.models import WorkflowRun

_EXECUTION_ID: Final = RunState.meta["execution_id"].astext


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Which executions are listed; an empty text filters nothing, nor does None."""

    namespace: str = ""
    status: str = ""
    since: datetime | None = None


def page(
    session: Session, wanted: Filter, *, limit: int, offset: int = 0
) -> tuple[int, list[ExecutionView]]:
    """How many executions are wanted, and so many of them from an offset on, the newest first."""
    counted = _matching(select(func.count()).select_from(WorkflowExecution), wanted)
    query = _matching(_query(), wanted).order_by(
        WorkflowExecution.start_time.desc(), WorkflowExecution.execution_id.desc()
    )
    return session.scalar(counted) or 0, _views(session, query.limit(limit).offset(offset))


def namespaces(session: Session) -> list[str]:
    """The namespaces of all executions."""
    return _distinct(session, WorkflowExecution.namespace)


def statuses(session: Session) -> list[str]:
    """The statuses of all executions."""
    return _distinct(session, WorkflowExecution.status)


def find(session: Session, execution_id: str) -> ExecutionView | None:
    """The execution of that id; None where there is none."""
    found = _views(session, _query().where(WorkflowExecution.execution_id == execution_id))
    return found[0] if found else None


def _matching(query: Select[Any], wanted: Filter) -> Select[Any]:
    if wanted.namespace:
        query = query.where(WorkflowExecution.namespace == wanted.namespace)
    if wanted.status:
        query = query.where(WorkflowExecution.status == wanted.status)
    if wanted.since is not None:
        query = query.where(WorkflowExecution.start_time >= wanted.since)
    return query


def _distinct(session: Session, column: Any) -> list[str]:
    """The values of a column, each found after the one before: PostgreSQL has no skip scan."""
    found = select(func.min(column).label("value")).cte("found", recursive=True)
    following = select(func.min(column)).where(column > found.c.value).scalar_subquery()
    found = found.union_all(select(following).where(found.c.value.is_not(None)))
    return list(session.scalars(select(found.c.value).where(found.c.value.is_not(None))))


def _query() -> Select[Any]:
    """Executions with what only those have that prodops runs."""
    made = WorkflowExecution.performance_metrics["stf_files"].astext
    return (
        select(
            WorkflowExecution.execution_id,
            WorkflowExecution.status,
            WorkflowExecution.namespace,
            WorkflowExecution.executed_by,
            WorkflowExecution.start_time.label("began"),
            WorkflowExecution.end_time.label("ended"),
            WorkflowRun.run_number,
            WorkflowRun.stfs,
            made.label("made"),
            WorkflowRun.stop_requested_by,
            Request.id.label("request_id"),
            Request.requested_by,
            Request.state.label("request_state"),
        )
        .outerjoin(WorkflowRun, WorkflowRun.execution_id == WorkflowExecution.execution_id)
        .outerjoin(Request, Request.id == WorkflowRun.request_id)
    )


def _views(session: Session, query: Select[Any]) -> list[ExecutionView]:
    rows = [dict(row) for row in session.execute(query).mappings()]
    foreign = [row["execution_id"] for row in rows if row["run_number"] is None]
    numbers = _run_numbers(session, foreign)
    for row in rows:
        row["run_number"] = row["run_number"] or numbers.get(row["execution_id"])
    return [_view(row) for row in rows]


def _run_numbers(session: Session, execution_ids: Sequence[str]) -> dict[str, int]:
    """The runs of executions of another runner, as their messages have told."""
    if not execution_ids:
        return {}
    query = select(_EXECUTION_ID, RunState.run_number).where(among(_EXECUTION_ID, execution_ids))
    return {row[0]: row[1] for row in session.execute(query)}


def _view(row: dict[str, Any]) -> ExecutionView:
    stfs, made, state = row.pop("stfs"), row.pop("made"), row.pop("request_state")
    if stfs is None and made is not None and made.isdecimal():
        stfs = int(made)
    until = row["ended"] or now()
    return ExecutionView(
        **row,
        stf_count=stfs,
        took_seconds=max(0.0, (until - row["began"]).total_seconds()),
        is_open=state in OPEN and row["ended"] is None,
    )
