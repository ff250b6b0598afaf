"""Campaigns: at most one is current, and only somebody's hand switches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.pcs.models import Campaign, Lifecycle
from api.pcs.services.access import Actor
from blocks.errors import Invalid, NotFound
from flows.common.database import now


def campaigns(session: Session, *, lifecycle: str | None = None) -> list[Campaign]:
    """Every campaign, oldest first."""
    query = select(Campaign).order_by(Campaign.id)
    if lifecycle is not None:
        query = query.where(Campaign.lifecycle == lifecycle)
    return list(session.scalars(query))


def campaign(session: Session, key: str | int, *, is_locked: bool = False) -> Campaign:
    """The campaign of that name or key.

    Raises:
        NotFound: There is none.
    """
    for condition in _conditions(key):
        query = select(Campaign).where(condition)
        found = session.scalar(query.with_for_update() if is_locked else query)
        if found is not None:
            return found
    raise NotFound(f"No campaign '{key}'")


def current(session: Session) -> Campaign | None:
    """The current campaign."""
    return session.scalar(select(Campaign).where(Campaign.lifecycle == Lifecycle.CURRENT))


def named(session: Session, key: str | int, field: str = "campaign") -> Campaign:
    """The campaign that a field of something else names.

    Raises:
        Invalid: There is none.
    """
    try:
        return campaign(session, key)
    except NotFound as error:
        raise Invalid({field: [f"{error}."]}) from None


def add(session: Session, values: Mapping[str, Any], actor: Actor) -> Campaign:
    """Make a campaign; a current one by `set_current` only.

    Raises:
        Invalid: Its name is taken, its dates are the wrong way round, or it is to be current.
    """
    _check(session, values)
    added = Campaign(**_columns(session, values), created_by=actor.name)
    session.add(added)
    session.flush()
    return added


def change(session: Session, key: str, values: Mapping[str, Any]) -> Campaign:
    """Change a campaign.

    Raises:
        NotFound: There is none.
        Invalid: As for `add`.
    """
    found = campaign(session, key, is_locked=True)
    kept = {"start_date": found.start_date, "end_date": found.end_date}
    _check(session, kept | dict(values), found)
    for name, value in _columns(session, values).items():
        setattr(found, name, value)
    found.updated_at = now()
    session.flush()
    return found


def set_current(session: Session, key: str) -> Campaign:
    """Make a campaign the current one; the one that was is past.

    Raises:
        NotFound: There is none.
    """
    found = campaign(session, key)
    locked = select(Campaign).where(
        (Campaign.lifecycle == Lifecycle.CURRENT) | (Campaign.id == found.id)
    )
    for former in session.scalars(locked.order_by(Campaign.id).with_for_update()):
        if former.id != found.id:
            former.lifecycle = Lifecycle.PAST
            former.updated_at = now()
    session.flush()
    found.lifecycle = Lifecycle.CURRENT
    found.updated_at = now()
    session.flush()
    return found


def _conditions(key: str | int) -> list[Any]:
    text = str(key)
    by_name = [] if isinstance(key, int) else [Campaign.name == key]
    is_key = text.isascii() and text.isdecimal() and len(text) < len(str(2**31))
    return [*by_name, Campaign.id == int(text)] if is_key else by_name


def _check(session: Session, values: Mapping[str, Any], of: Campaign | None = None) -> None:
    start, end = values.get("start_date"), values.get("end_date")
    if start and end and end < start:
        raise Invalid({"end_date": ["is before start_date."]})
    kept = of.lifecycle if of is not None else None
    wanted = values.get("lifecycle", kept)
    if wanted != kept and Lifecycle.CURRENT in {wanted, kept}:
        raise Invalid({"lifecycle": ["The current campaign is switched by set-current/ only."]})
    name = values.get("name")
    taken = session.scalar(select(Campaign.id).where(Campaign.name == name)) if name else None
    if taken is not None and (of is None or taken != of.id):
        raise Invalid({"name": ["campaign with this name already exists."]})


def _columns(session: Session, values: Mapping[str, Any]) -> dict[str, Any]:
    columns = dict(values)
    if "clone_of" in columns:
        key = columns.pop("clone_of")
        columns["clone_of_id"] = None if key is None else named(session, key, field="clone_of").id
    return columns
