"""What is read of requests: lists, by filter and by page, and what they wait behind.

A page begins with what is open: an old request that is still open is what people look for.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sqlalchemy import Select, false, func, or_, select, union_all
from sqlalchemy.orm import Session, aliased

from api.http import counts
from api.requests.domain import Load, Surroundings, Wait, wait_of
from flows.common import standing
from flows.common.capacity import begun_lately
from flows.common.database import among
from flows.common.models import HELD, OPEN, Request, RequestState
from flows.common.standing import MOST_COUNTED

_WAITING: Final = (RequestState.QUEUED, RequestState.CLAIMED, RequestState.UNKNOWN)

_IS_OPEN: Final = Request.state.in_(OPEN)


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Which requests a list shows; an absent field filters nothing."""

    action: str | None = None
    state: str | None = None
    subjects: Collection[str] = ()
    requested_by: str | None = None
    source: str | None = None
    is_open: bool = False


def matching(wanted: Filter) -> Select[tuple[Request]]:
    """The requests of a filter, newest first."""
    query = select(Request).order_by(Request.id.desc())
    for name in ("action", "state", "requested_by", "source"):
        value = getattr(wanted, name)
        if value is not None:
            query = query.where(getattr(Request, name) == value)
    if wanted.subjects:
        query = query.where(among(Request.subject, wanted.subjects))
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
    # Two parts, each along an index: to sort all of the table by what is open would read it whole.
    parts = [each.limit(limit + offset).subquery() for each in (_open(wanted), _ended(wanted))]
    row = aliased(Request, union_all(*(select(each) for each in parts)).subquery())
    in_order = select(row).order_by(row.state.in_(OPEN).desc(), row.id.desc())
    found = session.scalars(in_order.limit(limit).offset(offset))
    return counts.count(session, query), list(found)


@dataclass(frozen=True, kw_only=True)
class Past:
    """Which requests a record of what was done shows, by when they were accepted."""

    action: str | None = None
    subjects: Collection[str] = ()
    requested_by: str | None = None
    source: str | None = None
    states: Collection[str] = ()
    since: datetime | None = None
    until: datetime | None = None


def past(session: Session, wanted: Past, *, limit: int, offset: int) -> tuple[int, list[Request]]:
    """How many match, and so many of them from an offset on, newest first."""
    query = _past(wanted)
    return counts.count(session, query), list(session.scalars(query.limit(limit).offset(offset)))


def past_counts(session: Session, wanted: Past) -> list[tuple[str, str, int]]:
    """How many match of each action in each state, by the action's name."""
    of_each = _past(wanted).with_only_columns(Request.action, Request.state, func.count())
    grouped = of_each.order_by(None).group_by(Request.action, Request.state)
    return [(*row,) for row in session.execute(grouped.order_by(Request.action)).tuples()]


def _past(wanted: Past) -> Select[tuple[Request]]:
    filtered = Filter(
        action=wanted.action,
        subjects=wanted.subjects,
        requested_by=wanted.requested_by,
        source=wanted.source,
    )
    query = matching(filtered).where(among(Request.state, wanted.states))
    if wanted.since is not None:
        query = query.where(Request.created_at >= wanted.since)
    if wanted.until is not None:
        query = query.where(Request.created_at < wanted.until)
    return query


def following(session: Session, wanted: Filter, place: Place, limit: int) -> list[Request]:
    """Those that match and come after a place: open ones first, each newest first.

    The session sees one state of the database (`events.freeze`), so none is in both reads.
    """
    older = Request.id < place.request_id
    if not place.is_open:
        return list(session.scalars(_ended(wanted).where(older).limit(limit)))
    # Two reads, each along an index: to sort all of the table by what is open would read it whole.
    found = list(session.scalars(_open(wanted).where(older).limit(limit)))
    return found + list(session.scalars(_ended(wanted).limit(limit - len(found))))


def _open(wanted: Filter) -> Select[tuple[Request]]:
    return matching(wanted).where(_IS_OPEN if wanted.state in {None, *OPEN} else false())


def _ended(wanted: Filter) -> Select[tuple[Request]]:
    # PostgreSQL does not see that a state excludes another, and may look for both in all rows.
    return matching(wanted).where(false() if wanted.state in OPEN else ~_IS_OPEN)


def waits(session: Session, rows: Sequence[Request]) -> dict[int, Wait]:
    """What those of the requests that wait are waiting for: statements as for one, however many."""
    waiting = [row for row in rows if row.state in _WAITING]
    if not waiting:
        return {}
    found = Surroundings(
        standing.read(session),
        loads(session, {row.action for row in waiting}),
        places(session, [row.id for row in waiting]),
    )
    return {row.id: wait_of(row, found) for row in waiting}


def loads(session: Session, names: Collection[str]) -> dict[str | None, Load]:
    """How much of each action is under way; under None: of all."""
    held = select(Request.action, func.count(), func.max(Request.claimed_at))
    held_rows = session.execute(held.where(Request.state.in_(HELD)).group_by(Request.action))
    begun = select(Request.action, func.count(), func.max(Request.claimed_at))
    begun = begun.where(among(Request.action, names), *begun_lately()).group_by(Request.action)
    found: dict[str | None, Load] = {name: Load(*of) for name, *of in held_rows}
    of_all = [each.held_since for each in found.values() if each.held_since is not None]
    found[None] = Load(sum(each.held for each in found.values()), max(of_all, default=None))
    for name, number, newest in session.execute(begun):
        found[name] = replace(found.get(name, Load()), begun=number, begun_at=newest)
    return found


def places(session: Session, ids: Collection[int]) -> dict[int, int]:
    """How many older requests wait before each of these that waits; absent: very many."""
    due = (
        select(Request.id)
        .where(
            Request.state == RequestState.QUEUED,
            or_(Request.not_before.is_(None), Request.not_before <= func.now()),
        )
        .order_by(Request.id)
        .limit(MOST_COUNTED + 1)
        .subquery()
    )
    place = (func.row_number().over(order_by=due.c.id) - 1).label("place")
    numbered = select(due.c.id, place).subquery()
    wanted = select(numbered.c.id, numbered.c.place).where(among(numbered.c.id, ids))
    return {row.id: row.place for row in session.execute(wanted)}
