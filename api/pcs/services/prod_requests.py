"""Production requests: what was asked for, with statuses that are free."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.pcs.models import ProdRequest
from api.pcs.services.access import Actor
from blocks.errors import NotFound
from flows.common.database import now


def prod_requests(session: Session, *, status: str | None = None) -> list[ProdRequest]:
    """Every request, oldest first."""
    query = select(ProdRequest).order_by(ProdRequest.id)
    if status is not None:
        query = query.where(ProdRequest.status == status)
    return list(session.scalars(query))


def prod_request(session: Session, key: int, *, is_locked: bool = False) -> ProdRequest:
    """The request of that key.

    Raises:
        NotFound: There is none.
    """
    query = select(ProdRequest).where(ProdRequest.id == key)
    found = session.scalar(query.with_for_update() if is_locked else query)
    if found is None:
        raise NotFound("No ProdRequest matches the given query.")
    return found


def add(session: Session, values: Mapping[str, Any], actor: Actor) -> ProdRequest:
    """Make a request."""
    added = ProdRequest(**values, created_by=actor.name)
    session.add(added)
    session.flush()
    return added


def change(session: Session, key: int, values: Mapping[str, Any], actor: Actor) -> ProdRequest:
    """Change a request.

    Raises:
        NotFound: There is none.
        NotOwner: Somebody else made it.
    """
    found = prod_request(session, key, is_locked=True)
    actor.require_owner(found.created_by)
    for name, value in values.items():
        setattr(found, name, value)
    found.updated_at = now()
    session.flush()
    return found


def delete(session: Session, key: int, actor: Actor) -> None:
    """Delete a request; tasks that were made for it stay.

    Raises:
        NotFound: There is none.
        NotOwner: Somebody else made it.
    """
    found = prod_request(session, key, is_locked=True)
    actor.require_owner(found.created_by)
    session.delete(found)
    session.flush()
