"""Claiming: a worker takes requests out of the queue, in one order, by their age.

Before them goes the successor of a run that is under way, which ends as soon as its successor has
begun: it needs the slot for a moment, and what the run serves would otherwise wait for the queue.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta

from pydantic import BaseModel
from sqlalchemy import CTE, ColumnElement, and_, case, exists, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from flows.common import actions, capacity, requests
from flows.common.actions import Action
from flows.common.callers import Caller
from flows.common.capacity import SharedCeiling
from flows.common.database import among
from flows.common.models import HELD, SUCCESSOR, Request, RequestState


def claim(
    session: Session,
    *,
    worker: str,
    limit: int,
    lease_seconds: float,
    background: int | None = None,
    excluding: Sequence[int] = (),
    closed: Collection[str] = (),
    shared: Sequence[SharedCeiling] = (),
) -> list[Request]:
    """Claim up to `limit` requests for `worker`: those that are due, in the one order.

    No action passes its ceiling, and what nobody here knows is left to workers that do.

    Args:
        session: The transaction that claims.
        worker: Who holds them from now on.
        limit: How many at most.
        lease_seconds: For how long, unless they are renewed.
        background: How many of them may be of background actions; None: any number.
        excluding: Those that are left: a run of theirs is still ending here.
        closed: Actions of which none may begin now.
        shared: Ceilings that several actions share.
    """
    awaited = _awaited(session) if limit > 0 else []
    open_now = [
        each
        for each in awaited
        if each.name not in closed and not (each.is_background and background == 0)
    ]
    room = capacity.shared(session, capacity.room_for_each(session, open_now), shared)
    if not room:
        return []
    waiting = _waiting(room, excluding, limit, limit if background is None else background)
    claimed = session.scalars(
        update(Request)
        .where(Request.id == waiting.c.id)
        .values(
            state=RequestState.CLAIMED,
            worker=worker,
            attempts=Request.attempts + 1,
            claimed_at=func.now(),
            lease_until=func.now() + timedelta(seconds=lease_seconds),
            flow_run_id=None,
        )
        .returning(Request)
    )
    return sorted(claimed, key=lambda request: request.id)


def claim_new(
    session: Session,
    action: Action,
    parameters: BaseModel,
    *,
    caller: Caller,
    source: str,
    worker: str,
    lease_seconds: float,
    flow_run_id: uuid.UUID | None = None,
) -> Request | None:
    """Accept a request that `worker` already works on; None where one with its key is open."""
    claimed = requests.insertion(
        action,
        parameters,
        caller=caller,
        source=source,
        state=RequestState.CLAIMED,
        worker=worker,
        attempts=1,
        claimed_at=func.now(),
        lease_until=func.now() + timedelta(seconds=lease_seconds),
        flow_run_id=flow_run_id,
    )
    return session.scalar(claimed.returning(Request))


def is_held(session: Session, flow_run_id: uuid.UUID) -> bool:
    """Whether a request is held for the flow run; whoever asks waits for whoever just adopts it."""
    lock = func.hashtextextended(str(flow_run_id), 0)
    session.execute(select(func.pg_advisory_xact_lock(lock)))
    held = exists().where(Request.flow_run_id == flow_run_id, Request.state.in_(HELD))
    return bool(session.scalar(select(held)))


def unknown_actions(session: Session) -> list[str]:
    """The actions for which requests wait, and which nobody here knows."""
    strange = Request.action.not_in(actions.all_actions())
    query = select(Request.action).where(_is_due(), strange).distinct()
    return list(session.scalars(query.order_by(Request.action)))


def _awaited(session: Session) -> list[Action]:
    """The known actions for which requests are due; that of the oldest first."""
    due = select(Request.action).where(_is_due()).group_by(Request.action)
    known = actions.all_actions()
    names = session.scalars(due.order_by(func.min(Request.id)))
    return [known[name] for name in names if name in known]


def _waiting(room: Mapping[str, int], excluding: Sequence[int], limit: int, background: int) -> CTE:
    """The oldest that fit: first into the room of their action, then into the background's."""
    place = func.row_number()
    due = (
        select(Request.id, Request.action)
        .add_columns(place.over(partition_by=Request.action, order_by=Request.id).label("place"))
        .where(_is_due(), Request.action.in_(room), ~among(Request.id, excluding))
        .subquery("due")
    )
    of_background = [name for name in room if actions.get(name).is_background]
    is_background = due.c.action.in_(of_background)
    fitting = (
        select(due.c.id, is_background.label("is_background"))
        .add_columns(place.over(partition_by=is_background, order_by=due.c.id).label("place"))
        .where(due.c.place <= case(dict(room), value=due.c.action))
        .subquery("fitting")
    )
    return (
        select(Request.id)
        .join(fitting, fitting.c.id == Request.id)
        # Asked again: of a row that another has claimed meanwhile, the places tell nothing.
        .where(_is_due(), or_(~fitting.c.is_background, fitting.c.place <= background))
        .order_by(_takes_over().desc(), Request.id)
        .limit(limit)
        # A row that intake holds while it joins it is claimed all the same.
        .with_for_update(of=Request, skip_locked=True, key_share=True)
        # Chosen once: PostgreSQL may run a subquery for each row, and give other rows each time.
        .cte("waiting")
        .prefix_with("MATERIALIZED")
    )


def _takes_over() -> ColumnElement[bool]:
    """Whether a request is the successor of one that is held; of one that gave up, it waits."""
    predecessor = aliased(Request)
    is_served = exists().where(predecessor.successor_id == Request.id, predecessor.state.in_(HELD))
    return and_(Request.source == SUCCESSOR, is_served)


def _is_due() -> ColumnElement[bool]:
    """Whether a request waits to be claimed; what is unknown is looked into when its time comes."""
    return or_(
        and_(
            Request.state == RequestState.QUEUED,
            or_(Request.not_before.is_(None), Request.not_before <= func.now()),
        ),
        and_(Request.state == RequestState.UNKNOWN, Request.not_before <= func.now()),
    )
