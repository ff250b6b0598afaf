"""Configurations, whose values are checked when they are written, and production requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.pcs.domain import effective
from api.pcs.domain.value_forms import some
from api.pcs.models import ProdConfig, ProdRequest, ProdTask, TaskStatus
from api.pcs.queries.rows import by_key, require_free
from api.pcs.queries.tasks import open_requests
from api.pcs.services import records
from api.pcs.services.access import Actor
from blocks.errors import Invalid, Refused

_MOST_NAMED: Final = 3
_Row = TypeVar("_Row", ProdConfig, ProdRequest)

# ------------------------------------------------------------------ configurations


def add_config(session: Session, values: Mapping[str, Any], actor: Actor) -> ProdConfig:
    """Make a configuration.

    Raises:
        Invalid: A value is not of its form, or the name is taken.
    """
    _check(session, values)
    return records.add(session, ProdConfig(**values, created_by=actor.name))


def change_config(
    session: Session, key: int, values: Mapping[str, Any], actor: Actor
) -> ProdConfig:
    """Change a configuration that no locked or waiting task runs with.

    Raises:
        NotFound: There is none.
        NotOwner: Somebody else made it.
        Refused: A ready task, or one whose submission is open, runs with it.
        Invalid: A value is not of its form, or the name is taken.
    """
    found = _owned(session, ProdConfig, key, actor)
    _check(session, values, found)
    _require_unused(session, found, actor)
    return records.change(session, found, values)


def delete_config(session: Session, key: int, actor: Actor) -> None:
    """Delete a configuration that no task has.

    Raises:
        NotFound: There is none.
        NotOwner: Somebody else made it.
        Refused: A task has it.
    """
    found = _owned(session, ProdConfig, key, actor)
    users = session.scalars(
        select(ProdTask.name).where(ProdTask.prod_config_id == found.id).limit(_MOST_NAMED)
    ).all()
    if users:
        raise Refused(f"{found.name} is the configuration of {some(users, _MOST_NAMED)}.")
    records.remove(session, found)


def _check(session: Session, values: Mapping[str, Any], of: ProdConfig | None = None) -> None:
    if problems := effective.data_problems(values.get("data") or {}):
        raise Invalid({"data": [f"{key} {why}" for key, why in problems.items()]})
    if name := values.get("name"):
        require_free(session, ProdConfig.name, name, of=of)


def _require_unused(session: Session, found: ProdConfig, actor: Actor) -> None:
    tasks = session.execute(
        select(ProdTask.name, ProdTask.status).where(ProdTask.prod_config_id == found.id)
    ).all()
    users = list(open_requests(session, [task.name for task in tasks]))
    if not actor.is_relaxed:
        users += [task.name for task in tasks if task.status == TaskStatus.READY]
    if users:
        named = some(list(dict.fromkeys(users)), _MOST_NAMED)
        raise Refused(
            f"{named} would run otherwise than locked: "
            "set it back to draft first, or make another configuration."
        )


# ------------------------------------------------------------------ production requests


def add_request(session: Session, values: Mapping[str, Any], actor: Actor) -> ProdRequest:
    """Make a production request."""
    return records.add(session, ProdRequest(**values, created_by=actor.name))


def change_request(
    session: Session, key: int, values: Mapping[str, Any], actor: Actor
) -> ProdRequest:
    """Change a production request.

    Raises:
        NotFound: There is none.
        NotOwner: Somebody else made it.
    """
    return records.change(session, _owned(session, ProdRequest, key, actor), values)


def delete_request(session: Session, key: int, actor: Actor) -> None:
    """Delete a production request; tasks that were made for it stay.

    Raises:
        NotFound: There is none.
        NotOwner: Somebody else made it.
    """
    records.remove(session, _owned(session, ProdRequest, key, actor))


def _owned(session: Session, model: type[_Row], key: int, actor: Actor) -> _Row:
    found = by_key(session, model, key, is_locked=True)
    actor.require_owner(found.created_by)
    return found
