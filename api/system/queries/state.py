"""The state of the testbed in numbers, as the original's tool answers it.

Source: fastmon contract section 7.4 (`swf_get_system_state`).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from flows.agents.models import (
    AppLog,
    PersistentState,
    SystemAgent,
    WorkflowExecution,
    WorkflowMessage,
)
from flows.common import canary
from flows.common.models import Event
from flows.fastmon.models import RunState, SystemStateEvent
from flows.workflows.models import ExecutionStatus

HEARD: Final = timedelta(minutes=5)
"""An agent that was not heard for so long is not healthy."""
_HOUR: Final = timedelta(hours=1)
_MESSAGES: Final = timedelta(minutes=10)
_RUN_STATES: Final = 5
_EVENTS: Final = 10
_EXITED: Final = "EXITED"
_RUNNERS: Final = ("DAQ_Simulator", "workflow_runner")


@dataclass(frozen=True, kw_only=True)
class AgentCounts:
    """How many agents there are."""

    total: int
    active: int
    exited: int
    healthy: int
    unhealthy: int


def agents(session: Session, at: datetime) -> AgentCounts:
    """How many agents there are: those that ended, those that were heard lately and are well."""
    row = SystemAgent
    is_active = row.operational_state != _EXITED
    is_healthy = is_active & (row.last_heartbeat >= at - HEARD) & (row.status == "OK")
    counted = select(
        func.count(), func.count().filter(is_active), func.count().filter(is_healthy)
    ).select_from(row)
    total, active, healthy = session.execute(counted).one()
    return AgentCounts(
        total=total,
        active=active,
        exited=total - active,
        healthy=healthy,
        unhealthy=active - healthy,
    )


def runner(session: Session, namespace: str | None) -> SystemAgent | None:
    """The workflow runner of a namespace that was heard last; None where there is none."""
    row = SystemAgent
    query = select(row).where(
        row.agent_type.in_(_RUNNERS), row.namespace == namespace, row.operational_state != _EXITED
    )
    return session.scalars(query.order_by(row.last_heartbeat.desc().nulls_last())).first()


def last_execution(session: Session, namespace: str) -> WorkflowExecution | None:
    """The execution of a namespace that began last."""
    row = WorkflowExecution
    query = select(row).where(row.namespace == namespace).order_by(row.start_time.desc()).limit(1)
    return session.scalars(query).first()


def executions(session: Session, at: datetime) -> tuple[int, int]:
    """How many executions run, and how many were completed within the last hour."""
    row = WorkflowExecution
    is_done = (row.status == ExecutionStatus.COMPLETED) & (row.end_time >= at - _HOUR)
    running = row.status == ExecutionStatus.RUNNING
    counted = select(func.count().filter(running), func.count().filter(is_done)).select_from(row)
    number, done = session.execute(counted).one()
    return number, done


def errors(session: Session, namespace: str, at: datetime) -> int:
    """How many errors were logged in a namespace within the last hour."""
    return _count(
        session,
        AppLog.id,
        AppLog.timestamp >= at - _HOUR,
        AppLog.level >= logging.ERROR,
        AppLog.extra_data["namespace"].astext == namespace,
    )


def messages(session: Session, at: datetime) -> int:
    """How many messages came within the last ten minutes."""
    stored = _count(session, WorkflowMessage.number, WorkflowMessage.sent_at >= at - _MESSAGES)
    is_data = Event.namespace.is_distinct_from(canary.NAMESPACE)
    return stored + _count(session, Event.id, Event.at >= at - _MESSAGES, is_data)


def run_states(session: Session) -> Sequence[RunState]:
    """The states of the runs of the highest numbers."""
    query = select(RunState).order_by(RunState.run_number.desc()).limit(_RUN_STATES)
    return session.scalars(query).all()


def changes(session: Session) -> Sequence[SystemStateEvent]:
    """The newest changes of the states of runs that agents have noted."""
    query = select(SystemStateEvent).order_by(SystemStateEvent.timestamp.desc()).limit(_EVENTS)
    return session.scalars(query).all()


def counters(session: Session) -> Any:
    """The counters that agents draw their numbers from."""
    return session.scalar(select(PersistentState.state_data)) or {}


def _count(session: Session, column: Any, *wanted: ColumnElement[bool]) -> int:
    query: Select[Any] = select(func.count(column)).where(*wanted)
    return session.scalar(query) or 0
