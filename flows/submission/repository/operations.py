"""Operations on live tasks: who asked, what was sent, what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, BigInteger, any_, cast, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from flows.common.models import Request
from flows.submission.models import OperationStatus, PandaOperation
from flows.submission.schemas import TaskOperation


def begin(session: Session, request_id: int, values: dict[str, Any]) -> PandaOperation:
    """The record of the request's operation: an earlier run's, or a new one of `values`."""
    asked_at = select(Request.created_at).where(Request.id == request_id).scalar_subquery()
    asked_by = select(Request.requested_by).where(Request.id == request_id).scalar_subquery()
    session.execute(
        insert(PandaOperation)
        .values(
            request_id=request_id,
            status=OperationStatus.RUNNING,
            requested_at=asked_at,
            requested_by=asked_by,
            **values,
        )
        .on_conflict_do_nothing()
    )
    return session.scalars(
        select(PandaOperation).where(PandaOperation.request_id == request_id)
    ).one()


def write(session: Session, request_id: int, values: dict[str, Any]) -> PandaOperation:
    """Write `values` to the record of the request's operation."""
    return session.scalars(
        update(PandaOperation)
        .where(PandaOperation.request_id == request_id)
        .values(**values)
        .returning(PandaOperation)
        .execution_options(populate_existing=True)
    ).one()


def retried(session: Session, numbers: Mapping[int, datetime | None]) -> set[int]:
    """The numbers whose tasks we asked PanDA to run again since the time that is given."""
    asked = session.execute(
        select(PandaOperation.jedi_task_id, PandaOperation.sent_at).where(
            PandaOperation.jedi_task_id == any_(cast(list(numbers), ARRAY(BigInteger))),
            PandaOperation.operation == TaskOperation.RETRY_FAILURES,
            PandaOperation.sent_at.is_not(None),
        )
    )
    return {id_ for id_, at in asked if (since := numbers[id_]) is None or at > since}
