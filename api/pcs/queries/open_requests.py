"""The open submission requests of tasks: while one is open, nothing of its task may change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import Session

from api.pcs.models import ProdTask
from flows.common.models import OPEN, Request

ACTION: Final = "submit_task"


def is_open() -> ColumnElement[bool]:
    """Whether a task has an open submission request."""
    return exists().where(
        Request.action == ACTION, Request.state.in_(OPEN), Request.subject == ProdTask.name
    )


def of_tasks(session: Session, names: Sequence[str]) -> dict[str, Request]:
    """The newest open submission request of each task that has one, by the task's stored name."""
    found = session.scalars(
        select(Request)
        .where(Request.action == ACTION, Request.state.in_(OPEN))
        .where(Request.subject.in_(names))
        .order_by(Request.id)
    )
    return {str(request.subject): request for request in found}


def of_task(session: Session, name: str) -> Request | None:
    """The newest open submission request of a task."""
    return of_tasks(session, [name]).get(name)
