"""Campaigns: at most one is current, and only `set_current` switches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.pcs.models import Campaign, Lifecycle
from api.pcs.queries.catalogue import campaign, campaign_key
from api.pcs.queries.rows import require_free
from api.pcs.services import records
from api.pcs.services.access import Actor
from blocks.errors import Invalid
from flows.common.database import now


def add(session: Session, values: Mapping[str, Any], actor: Actor) -> Campaign:
    """Make a campaign; a current one by `set_current` only.

    Raises:
        Invalid: Its name is taken, its dates are the wrong way round, or it is to be current.
    """
    _check(session, values)
    return records.add(session, Campaign(**_columns(session, values), created_by=actor.name))


def change(session: Session, key: str, values: Mapping[str, Any], _actor: Actor) -> Campaign:
    """Change a campaign.

    Raises:
        NotFound: There is none.
        Invalid: As for `add`.
    """
    found = campaign(session, key, is_locked=True)
    present = {"start_date": found.start_date, "end_date": found.end_date}
    _check(session, present | dict(values), found)
    return records.change(session, found, _columns(session, values))


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
    # The unique index holds at each statement: the former is past before another is current.
    session.flush()
    return records.change(session, found, {"lifecycle": Lifecycle.CURRENT})


def _check(session: Session, values: Mapping[str, Any], of: Campaign | None = None) -> None:
    start, end = values.get("start_date"), values.get("end_date")
    if start and end and end < start:
        raise Invalid({"end_date": ["is before start_date."]})
    present = of.lifecycle if of is not None else None
    wanted = values.get("lifecycle", present)
    if wanted != present and Lifecycle.CURRENT in {wanted, present}:
        raise Invalid({"lifecycle": ["The current campaign is switched by set-current/ only."]})
    if name := values.get("name"):
        require_free(session, Campaign.name, name, of=of)


def _columns(session: Session, values: Mapping[str, Any]) -> dict[str, Any]:
    columns = dict(values)
    if "clone_of" in columns:
        columns["clone_of_id"] = campaign_key(session, columns.pop("clone_of"), "clone_of")
    return columns
