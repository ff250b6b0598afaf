"""Production tasks: listed by filters, and found by their names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, exists, select
from sqlalchemy.orm import Session, joinedload, selectinload

from api.pcs.models import Dataset, ProdTask
from api.pcs.services import open_requests
from api.pcs.services.datasets import TAG_FIELDS
from api.pcs.services.errors import (
    AmbiguousIdentity,
    TaskNotFound,
)
from flows.common.models import OPEN, Request
from flows.common.text import unkeepable

_MAX_KEY: Final = 2**31 - 1


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which tasks a list shows; an absent field filters nothing."""

    status: str | None = None
    campaign: str | None = None
    name: str | None = None
    name_contains: str | None = None
    public_catalog_issue: str | None = None
    created_by: str | None = None
    has_request: bool | None = None


def tasks(session: Session, wanted: Wanted) -> list[ProdTask]:
    """The tasks of a filter, oldest first; a `name` finds as in `resolve`, several too."""
    if wanted.name is not None:
        ids = [found.id for found in matches(session, wanted.name)]
        return list(session.scalars(_filtered(wanted).where(ProdTask.id.in_(ids))))
    return list(session.scalars(_filtered(wanted)))


def _filtered(wanted: Wanted) -> Select[tuple[ProdTask]]:
    query = select(ProdTask).options(*loaded()).order_by(ProdTask.id)
    for column in ("status", "created_by"):
        if (value := getattr(wanted, column)) is not None:
            query = query.where(getattr(ProdTask, column) == value)
    if wanted.campaign is not None:
        query = query.where(ProdTask.campaign.has(name=wanted.campaign))
    if wanted.name_contains is not None:
        query = query.where(
            ProdTask.name.contains(wanted.name_contains, autoescape=True)
            | ProdTask.dataset.has(
                Dataset.composed_name.contains(wanted.name_contains, autoescape=True)
            )
        )
    if wanted.public_catalog_issue is not None:
        issue = ProdTask.overrides["public_catalog_issue"].astext
        query = query.where(issue == wanted.public_catalog_issue)
    if wanted.has_request is not None:
        query = query.where(_has_open_request() if wanted.has_request else ~_has_open_request())
    return query


def _has_open_request() -> ColumnElement[bool]:
    return exists().where(
        Request.action == open_requests.ACTION,
        Request.state.in_(OPEN),
        Request.subject == ProdTask.name,
    )


def matches(session: Session, name: str) -> list[ProdTask]:
    """The tasks that the name means: by composed name, else by stored name, else by key."""
    if not name or any(unkeepable(name)):
        return []
    for condition in _identities(name):
        found = list(session.scalars(select(ProdTask).where(condition).order_by(ProdTask.id)))
        if found:
            return found
    return []


def _identities(name: str) -> list[ColumnElement[bool]]:
    identities = [ProdTask.dataset.has(composed_name=name), ProdTask.name == name]
    if name.isascii() and name.isdecimal() and int(name[:11]) <= _MAX_KEY:
        identities.append(ProdTask.id == int(name[:11]))
    return identities


def resolve(
    session: Session, name: str, *, attempt_id: int | None = None, is_locked: bool = False
) -> ProdTask:
    """The one task that the name means, with all that belongs to it.

    Args:
        session: The caller's transaction.
        name: Composed name, stored name or key, in this order.
        attempt_id: An attempt that tells tasks of one name apart.
        is_locked: Whether the task's row is locked to the end of the transaction.

    Raises:
        TaskNotFound: It means none.
        AmbiguousIdentity: It means several.
    """
    found = matches(session, name)
    if len(found) > 1 and attempt_id is not None:
        of_attempt = [t for t in found if any(each.id == attempt_id for each in t.attempts)]
        found = of_attempt or found
    if not found:
        raise TaskNotFound(name)
    if len(found) > 1:
        raise AmbiguousIdentity(name, [_candidate(each) for each in found])
    return load(session, found[0].id, is_locked=is_locked)


def load(session: Session, key: int, *, is_locked: bool = False) -> ProdTask:
    """The task of a key as it is now, with all that belongs to it.

    Raises:
        TaskNotFound: There is none.
    """
    if is_locked:
        session.scalar(select(ProdTask.id).where(ProdTask.id == key).with_for_update())
    query = select(ProdTask).where(ProdTask.id == key).options(*loaded())
    found = session.scalar(query.execution_options(populate_existing=True))
    if found is None:
        raise TaskNotFound(str(key))
    return found


def loaded() -> list[Any]:
    """What a task's JSON needs, in few queries."""
    tags = [joinedload(getattr(Dataset, name)) for name in TAG_FIELDS]
    return [
        joinedload(ProdTask.dataset).options(*tags),
        joinedload(ProdTask.prod_config),
        joinedload(ProdTask.campaign),
        selectinload(ProdTask.attempts),
        selectinload(ProdTask.outputs),
    ]


def _candidate(task: ProdTask) -> dict[str, Any]:
    return {
        "id": task.id,
        "name": task.name,
        "composed_name": task.dataset.composed_name,
        "status": task.status,
    }
