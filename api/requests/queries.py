"""What is read of requests: lists, by filter and by page."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from flows.common.models import OPEN, Request


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Which requests a list shows; an absent field filters nothing."""

    action: str | None = None
    state: str | None = None
    subject: str | None = None
    requested_by: str | None = None
    is_open: bool = False


def matching(wanted: Filter) -> Select[tuple[Request]]:
    """The requests of a filter, newest first."""
    query = select(Request).order_by(Request.id.desc())
    for name in ("action", "state", "subject", "requested_by"):
        value = getattr(wanted, name)
        if value is not None:
            query = query.where(getattr(Request, name) == value)
    return query.where(Request.state.in_(OPEN)) if wanted.is_open else query


def page(session: Session, wanted: Filter, limit: int, offset: int) -> tuple[int, list[Request]]:
    """How many match, and so many of them from an offset on, newest first."""
    query = matching(wanted)
    count = session.scalar(select(func.count()).select_from(query.order_by(None).subquery()))
    return count or 0, list(session.scalars(query.limit(limit).offset(offset)))


def before(session: Session, wanted: Filter, request_id: int, limit: int) -> list[Request]:
    """Those that match and are older than a request, newest first."""
    query = matching(wanted).where(Request.id < request_id).limit(limit)
    return list(session.scalars(query))
