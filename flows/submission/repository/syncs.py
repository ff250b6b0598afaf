"""Syncs, and what they found that PCS cannot hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from flows.common.database import now
from flows.common.models import Request, RequestState
from flows.submission.domain.remarks import Remark
from flows.submission.models import PandaRemark, RemarkKind


def last_sync(session: Session) -> datetime | None:
    """When the last sync that came through began."""
    return session.scalar(
        select(Request.claimed_at)
        .where(Request.action == "sync_task_states", Request.state == RequestState.COMPLETED)
        .order_by(Request.id.desc())
        .limit(1)
    )


def note_remarks(session: Session, current: Sequence[Remark]) -> list[Remark]:
    """Keep what is to be said now; gives what was not said before."""
    said = {_key(row): row for row in _open_remarks(session)}
    news = []
    for remark in current:
        if (row := said.get(_key(remark))) is not None:
            row.text = remark.text  # a state in it may have changed
            continue
        session.add(PandaRemark(**_values(remark), announced_at=now()))
        news.append(remark)
    session.flush()
    return news


def clear_remarks(session: Session, is_over: Callable[[Remark], bool]) -> None:
    """Clear the open remarks that are over, but for associations, which stay on record."""
    for row in _open_remarks(session):
        if is_over(_remark(row)):
            row.cleared_at = now()
    session.flush()


def clear_remarks_of(session: Session, task_name: str) -> None:
    """Clear what was said of a task: an operator has decided; the next sync looks anew."""
    for row in _open_remarks(session):
        if row.task_name == task_name:
            row.cleared_at = now()
    session.flush()


def intend(session: Session, remark: Remark) -> None:
    """Note an association before PCS is told of it; it is announced once PCS has it."""
    row = _association(session, remark)
    if row is None:
        session.add(PandaRemark(**_values(remark)))
    else:
        row.text, row.noticed_at, row.announced_at = remark.text, now(), None
    session.flush()


def intended(session: Session) -> list[Remark]:
    """The associations that were not announced."""
    rows = session.scalars(
        select(PandaRemark).where(
            PandaRemark.kind == RemarkKind.ASSOCIATED, PandaRemark.announced_at.is_(None)
        )
    )
    return [_remark(row) for row in rows]


def announced(session: Session, remark: Remark) -> None:
    """Note that the association is announced, in this transaction."""
    if (row := _association(session, remark)) is not None:
        row.announced_at = now()
        session.flush()


def forget(session: Session, remark: Remark) -> None:
    """Forget an association that PCS did not take."""
    if (row := _association(session, remark)) is not None:
        session.delete(row)
        session.flush()


def _open_remarks(session: Session) -> Sequence[PandaRemark]:
    return session.scalars(
        select(PandaRemark).where(
            PandaRemark.cleared_at.is_(None), PandaRemark.kind != RemarkKind.ASSOCIATED
        )
    ).all()


def _association(session: Session, remark: Remark) -> PandaRemark | None:
    return session.scalar(
        select(PandaRemark).where(
            PandaRemark.kind == RemarkKind.ASSOCIATED,
            PandaRemark.task_name == remark.task_name,
            PandaRemark.jedi_task_id == remark.jedi_task_id,
            PandaRemark.cleared_at.is_(None),
        )
    )


def _key(of: PandaRemark | Remark) -> tuple[str, str, int]:
    return of.kind, of.task_name, of.jedi_task_id


def _values(remark: Remark) -> dict[str, Any]:
    return {field.name: getattr(remark, field.name) for field in fields(remark)}


def _remark(row: PandaRemark) -> Remark:
    return Remark(RemarkKind(row.kind), row.task_name, row.panda_name, row.jedi_task_id, row.text)
