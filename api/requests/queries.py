"""What is read of requests: lists, by filter and by page.

A page begins with what is open: an old request that is still open is what people look for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from flows.common.models import OPEN, Request

_IS_OPEN: Final = Request.state.in_(OPEN)


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
    return query.where(_IS_OPEN) if wanted.is_open else query


@dataclass(frozen=True)
class Place:
    """Where a page of the list ends: its last request, and whether that was open."""

    request_id: int
    is_open: bool


BEGIN: Final = Place(2**63 - 1, is_open=True)


def page(session: Session, wanted: Filter, limit: int, offset: int) -> tuple[int, list[Request]]:
    """How many match, and so many of them from an offset on: open ones first, then by age."""
    query = matching(wanted)
    count = session.scalar(select(func.count()).select_from(query.order_by(None).subquery()))
    in_order = query.order_by(None).order_by(_IS_OPEN.desc(), Request.id.desc())
    return count or 0, list(session.scalars(in_order.limit(limit).offset(offset)))


def following(session: Session, wanted: Filter, place: Place, limit: int) -> list[Request]:
    """Those that match and come after a place: open ones first, each newest first.

    The session sees one state of the database (`events.freeze`), so none is in both reads.
    """
    older = matching(wanted).where(Request.id < place.request_id)
    if not place.is_open:
        return list(session.scalars(older.where(~_IS_OPEN).limit(limit)))
    # Two reads, each along an index: to sort all of the table by what is open would read it whole.
    found = list(session.scalars(older.where(_IS_OPEN).limit(limit)))
    ended = matching(wanted).where(~_IS_OPEN).limit(limit - len(found))
    return found + list(session.scalars(ended))
