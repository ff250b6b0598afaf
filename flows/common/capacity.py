"""Capacity: how many more requests may be held now, of an action or in all.

Whoever asks waits at an advisory lock for whoever takes, so the answer holds to the end of the
transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True)
class SharedCeiling:
    """How many requests of some actions may be held at a time, together.

    Attributes:
        name: What sets it, for people.
        actions: Their names.
        limit: How many.
    """

    name: str
    actions: frozenset[str]
    limit: int


def room_for(session: Session, action: Action) -> int:
    """How many more of the action's requests may be held, by its ceiling and its rate."""
    ceiling, rate = action.at_a_time(), action.a_minute()
    if ceiling is None and rate is None:
        return _NO_CEILING
    session.execute(select(func.pg_advisory_xact_lock(_LIMITS_LOCK)))
    room = _NO_CEILING
    if ceiling is not None:
        room = ceiling - _held(session, {action.name})
    if rate is not None:
        room = min(room, rate - _count(session, {action.name}, *begun_lately()))
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


def shared(
    session: Session, room: Mapping[str, int], ceilings: Iterable[SharedCeiling]
) -> dict[str, int]:
    """The room of each action, within the ceilings that it shares with others.

    What is left below a ceiling goes to its actions in their order: what the first does not need
    is the next one's when room is looked for anew.
    """
    found = dict(room)
    for ceiling in ceilings:
        names = [name for name in found if name in ceiling.actions]
        if not names:
            continue
        session.execute(select(func.pg_advisory_xact_lock(_LIMITS_LOCK)))
        left = max(0, ceiling.limit - _held(session, ceiling.actions))
        for name in names:
            found[name] = min(found[name], left)
            left -= found[name]
    return found


def room_below(session: Session, ceiling: int | None) -> int:
    """How many more requests may be held below a ceiling for all of them."""
    if ceiling is None:
        return _NO_CEILING
    session.execute(select(func.pg_advisory_xact_lock(_CEILING_LOCK)))
    held = session.scalar(select(func.count()).where(Request.state.in_(HELD)))
    return ceiling - (held or 0)


def _held(session: Session, names: Collection[str]) -> int:
    return _count(session, names, Request.state.in_(HELD))


def _count(session: Session, names: Collection[str], *which: ColumnElement[bool]) -> int:
    query = select(func.count()).where(Request.action.in_(names), *which)
    return session.scalar(query) or 0


def begun_lately() -> tuple[ColumnElement[bool], ...]:
    """Whether a request was begun within the last minute, as a rate counts it."""
    # The age lets the index on it be used; what waited longer than that is no rush.
    is_young = Request.created_at > func.now() - timedelta(hours=1)
    return is_young, Request.claimed_at > func.now() - timedelta(minutes=1)
