"""Capacity: how many more requests may be held now, of an action or in all.

Whoever asks waits at an advisory lock for whoever takes, so the answer holds to the end of the
transaction.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

import structlog
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from flows.common.actions import Action
from flows.common.models import HELD, Request

_NO_CEILING: Final = 1_000_000
_LIMITS_LOCK: Final = 0x6C696D69  # "limi": those who count an action's held requests
_CEILING_LOCK: Final = 0x6365696C  # "ceil": those who count all held requests

_log = structlog.get_logger("requests")


def room_for(session: Session, action: Action) -> int:
    """How many more of the action's requests may be held, by its ceiling and its rate."""
    ceiling, rate = action.at_a_time(), action.a_minute()
    if ceiling is None and rate is None:
        return _NO_CEILING
    session.execute(select(func.pg_advisory_xact_lock(_LIMITS_LOCK)))
    room = _NO_CEILING
    if ceiling is not None:
        room = ceiling - _count(session, action, Request.state.in_(HELD))
    if rate is not None:
        room = min(room, rate - _count(session, action, *begun_lately()))
    return max(0, room)


def room_for_each(session: Session, wanted: Iterable[Action]) -> dict[str, int]:
    """The same for several actions, by name; without those whose ceiling is broken."""
    room: dict[str, int] = {}
    for action in wanted:
        try:
            room[action.name] = room_for(session, action)
        except DBAPIError:
            raise
        except Exception:  # noqa: BLE001 - a broken ceiling stops its own action alone
            _log.exception("the ceiling of an action is broken", action=action.name)
    return room


def room_below(session: Session, ceiling: int | None) -> int:
    """How many more requests may be held below a ceiling for all of them."""
    if ceiling is None:
        return _NO_CEILING
    session.execute(select(func.pg_advisory_xact_lock(_CEILING_LOCK)))
    held = session.scalar(select(func.count()).where(Request.state.in_(HELD)))
    return ceiling - (held or 0)


def _count(session: Session, action: Action, *which: ColumnElement[bool]) -> int:
    query = select(func.count()).where(Request.action == action.name, *which)
    return session.scalar(query) or 0


def begun_lately() -> tuple[ColumnElement[bool], ...]:
    """Whether a request was begun within the last minute, as a rate counts it."""
    # The age lets the index on it be used; what waited longer than that is no rush.
    is_young = Request.created_at > func.now() - timedelta(hours=1)
    return is_young, Request.claimed_at > func.now() - timedelta(minutes=1)
