"""What waits: requests, messages that were set aside, events that are not published."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.system.views import QueuesView, QueueView
from flows.common.database import now
from flows.common.models import OPEN, Request, RequestState
from flows.messages import repository
from flows.messages.models import SetAsideMessage, SetAsideState

SHOWN: Final = 20
_FAILED_WITHIN: Final = timedelta(days=1)
_LOOKED_AT: Final = 1000


def read(session: Session, *, is_published: bool) -> QueuesView:
    """The queues now; without publishing, no event waits for it."""
    oldest = func.min(SetAsideMessage.at)
    is_open = SetAsideMessage.state == SetAsideState.OPEN
    number, since = session.execute(select(func.count(), oldest).where(is_open)).one()
    return QueuesView(
        requests=_requests(session),
        set_aside=number,
        set_aside_oldest=since,
        unpublished=repository.unpublished(session, most=_LOOKED_AT) if is_published else None,
        unpublished_most=_LOOKED_AT,
    )


def _requests(session: Session) -> list[QueueView]:
    query = (
        select(Request.action, Request.state, func.count(), func.min(Request.created_at))
        .where(Request.state.in_(OPEN))
        .group_by(Request.action, Request.state)
        .order_by(Request.action, Request.state)
    )
    return [
        QueueView(action=action, state=state, count=number, oldest=oldest)
        for action, state, number, oldest in session.execute(query)
    ]


def open_requests(session: Session) -> list[Request]:
    """The newest that are open."""
    query = select(Request).where(Request.state.in_(OPEN)).order_by(Request.id.desc())
    return list(session.scalars(query.limit(SHOWN)))


def failed_requests(session: Session) -> list[Request]:
    """The newest that have failed, of the last day."""
    query = (
        select(Request)
        .where(Request.state == RequestState.FAILED, Request.created_at >= now() - _FAILED_WITHIN)
        .order_by(Request.id.desc())
    )
    return list(session.scalars(query.limit(SHOWN)))
