"""Namespaces, and what goes on in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from api.agents.queries import messages
from flows.agents.models import Namespace, SystemAgent, WorkflowExecution


@dataclass(frozen=True, kw_only=True)
class Activity:
    """Whose a namespace is, where that is known, and what went on in it in some time.

    Attributes:
        owner: Whose it is.
        description: What it is for.
        agents: How many agents it has.
        executions: How many executions of workflows began.
        messages: How many messages were sent.
        users: Whose the executions are.
    """

    owner: str | None
    description: str | None
    agents: int
    executions: int
    messages: int
    users: tuple[str, ...]


def page(session: Session, *, limit: int, offset: int) -> tuple[int, Sequence[Namespace]]:
    """How many namespaces there are, and so many of them from an offset on, by name."""
    total = session.scalar(select(func.count()).select_from(Namespace))
    query = select(Namespace).order_by(Namespace.name).limit(limit).offset(offset)
    return total or 0, session.scalars(query).all()


def activity(session: Session, name: str, *, start: datetime, end: datetime) -> Activity:
    """What goes on in a namespace; it need not be registered."""
    registered = session.get(Namespace, name)
    began = WorkflowExecution.start_time.between(start, end)
    executions = select(WorkflowExecution.executed_by, func.count()).where(
        WorkflowExecution.namespace == name, began
    )
    by_user = session.execute(executions.group_by(WorkflowExecution.executed_by)).all()
    return Activity(
        owner=registered.owner if registered else None,
        description=registered.description if registered else None,
        agents=_count(session, select(SystemAgent.id).where(SystemAgent.namespace == name)),
        executions=sum(number for _, number in by_user),
        messages=messages.count_in(session, name, start=start, end=end),
        users=tuple(sorted(user for user, _ in by_user)),
    )


def _count(session: Session, query: Select[Any]) -> int:
    counted = query.with_only_columns(func.count(), maintain_column_froms=True)
    return session.scalar(counted) or 0
