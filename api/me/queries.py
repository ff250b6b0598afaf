"""What is the caller's own: tokens, production tasks, requests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload, selectinload

from api.me import views
from api.me.views import TokenView
from api.notifications.views import WatchView
from api.notifications.views import watch as view
from api.pcs.models import ProdTask
from api.requests import queries as requests
from api.requests.queries import Filter
from flows.common import access, own_tokens
from flows.common.callers import Caller
from flows.common.database import now
from flows.common.models import Request
from flows.notifications.repository import wishes

SHOWN: Final = 10


def tokens(session: Session, caller: Caller) -> list[TokenView]:
    """The caller's tokens: the good ones first, each newest first."""
    at, current_id = now(), own_tokens.current_id(session, caller)
    rows = access.list_tokens(session, owner=caller.name)
    shown = [views.token(row, current_id=current_id, at=at) for row in rows]
    return sorted(shown, key=lambda each: (each.is_good, each.id), reverse=True)


def watches(session: Session, name: str) -> list[WatchView]:
    """What the user watches, and what they were told of last."""
    found = [view(*each) for each in wishes.watches_of(session, name)]
    live = [each for each in found if each.fired_at is None]
    return [*live, *[each for each in found if each.fired_at is not None][:SHOWN]]


def tasks(session: Session, name: str) -> tuple[int, Sequence[ProdTask]]:
    """How many production tasks the user owns, and those that changed last."""
    own = ProdTask.created_by == name
    rows = session.scalars(
        select(ProdTask)
        .where(own)
        .options(
            joinedload(ProdTask.dataset),
            joinedload(ProdTask.campaign),
            selectinload(ProdTask.attempts),
        )
        .order_by(ProdTask.updated_at.desc(), ProdTask.id.desc())
        .limit(SHOWN)
    ).all()
    count = session.scalar(select(func.count()).select_from(ProdTask).where(own))
    return count or 0, rows


def own_requests(session: Session, name: str) -> tuple[int, Sequence[Request]]:
    """How many requests the user has made, and the open ones, then the newest."""
    return requests.page(session, Filter(requested_by=name), SHOWN, 0)
