"""Leases: what is held, for how long, and what is taken over from a holder that is lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.orm import Session

from flows.common import actions
from flows.common.claims import Claim
from flows.common.database import among, rows_among
from flows.common.models import HELD, Request, RequestState


def renew(session: Session, claims: Sequence[Claim], *, lease_seconds: float) -> None:
    """Hold the requests of `claims` for another lease."""
    session.execute(
        update(Request)
        .where(_is_at_one_of(claims), Request.state.in_(HELD))
        .values(lease_until=func.now() + timedelta(seconds=lease_seconds))
    )


def given_up(session: Session, claims: Sequence[Claim]) -> list[int]:
    """The requests of `claims` that were given up: queued again, or at a later attempt."""
    return list(
        session.scalars(
            select(Request.id).where(
                among(Request.id, [each.request_id for each in claims]),
                or_(~_is_at_one_of(claims), Request.state == RequestState.QUEUED),
            )
        )
    )


def held_by(session: Session, worker: str) -> list[Request]:
    """The requests that `worker` holds, of actions that are known here."""
    held = select(Request).where(Request.worker == worker, Request.state.in_(HELD))
    return list(session.scalars(held.where(Request.action.in_(actions.all_actions()))))


@dataclass(frozen=True)
class Overdue:
    """An attempt whose lease ran out, and when: by the database's clock, as all of a lease is."""

    request_id: int
    attempt: int
    lease_until: datetime


def overdue(session: Session, *, excluding: Sequence[int] = ()) -> tuple[datetime, list[Overdue]]:
    """The database's time, and what is held by a lease that has run out by then.

    Requests of `excluding` are left, and those of an action that nobody here knows.
    """
    at: datetime = session.execute(select(func.now())).scalar_one()
    found = session.execute(
        select(Request.id, Request.attempts, Request.lease_until)
        .where(Request.state.in_(HELD), Request.lease_until < at)
        .where(Request.action.in_(actions.all_actions()), ~among(Request.id, excluding))
    )
    return at, [Overdue(*row) for row in found]


def take_over(
    session: Session, silent: Sequence[Overdue], *, lease_seconds: float
) -> list[Request]:
    """Hold those for another lease, to recover them, whose owner has not renewed it since."""
    same = rows_among(
        (Request.id, Request.attempts, Request.lease_until),
        [(each.request_id, each.attempt, each.lease_until) for each in silent],
    )
    found = list(
        session.scalars(
            select(Request)
            .where(same, Request.state.in_(HELD))
            .with_for_update(skip_locked=True, key_share=True)
        )
    )
    renew(session, [Claim(each.id, each.attempts) for each in found], lease_seconds=lease_seconds)
    return found


def _is_at_one_of(claims: Sequence[Claim]) -> ColumnElement[bool]:
    """Whether a request is at the attempt of one of the claims."""
    columns = (Request.id, Request.attempts)
    return rows_among(columns, [(each.request_id, each.attempt) for each in claims])
