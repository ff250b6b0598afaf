"""Production configurations: every value checked when it is written, and owned by its maker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.pcs.domain import effective
from api.pcs.models import ProdConfig, ProdTask, TaskStatus
from api.pcs.services import open_requests
from api.pcs.services.access import Actor
from blocks.errors import Invalid, NotFound, Refused
from flows.common.database import now

_SHOWN = 3


def configs(session: Session) -> list[ProdConfig]:
    """Every configuration, oldest first."""
    return list(session.scalars(select(ProdConfig).order_by(ProdConfig.id)))


def config(session: Session, key: int, *, is_locked: bool = False) -> ProdConfig:
    """The configuration of that key.

    Raises:
        NotFound: There is none.
    """
    query = select(ProdConfig).where(ProdConfig.id == key)
    found = session.scalar(query.with_for_update() if is_locked else query)
    if found is None:
        raise NotFound("No ProdConfig matches the given query.")
    return found


def named(session: Session, key: str | int) -> ProdConfig:
    """The configuration that a task's field names: by key or by name.

    Raises:
        Invalid: There is none.
    """
    text = str(key)
    is_key = text.isascii() and text.isdecimal() and len(text) < len(str(2**31))
    condition = ProdConfig.id == int(text) if is_key else ProdConfig.name == text
    found = session.scalar(select(ProdConfig).where(condition))
    if found is None:
        raise Invalid({"prod_config": [f'Invalid pk "{text[:200]}" - object does not exist.']})
    return found


def add(session: Session, values: Mapping[str, Any], actor: Actor) -> ProdConfig:
    """Make a configuration.

    Raises:
        Invalid: A value is not of its form, or the name is taken.
    """
    _check(session, values)
    added = ProdConfig(**values, created_by=actor.name)
    session.add(added)
    return _saved(session, added)


def change(session: Session, key: int, values: Mapping[str, Any], actor: Actor) -> ProdConfig:
    """Change a configuration that no locked or waiting task runs with.

    Raises:
        NotFound: There is none.
        NotOwner: Somebody else made it.
        Refused: A ready task, or one whose submission is open, runs with it.
        Invalid: A value is not of its form, or the name is taken.
    """
    found = config(session, key, is_locked=True)
    actor.require_owner(found.created_by)
    _check(session, values, found)
    _require_unused(session, found, actor)
    for name, value in values.items():
        setattr(found, name, value)
    found.updated_at = now()
    return _saved(session, found)


def delete(session: Session, key: int, actor: Actor) -> None:
    """Delete a configuration that no task has.

    Raises:
        NotFound: There is none.
        NotOwner: Somebody else made it.
        Refused: A task has it.
    """
    found = config(session, key, is_locked=True)
    actor.require_owner(found.created_by)
    users = session.scalars(
        select(ProdTask.name).where(ProdTask.prod_config_id == found.id).limit(_SHOWN)
    ).all()
    if users:
        raise Refused(f"{found.name} is the configuration of {_some(users)}.")
    session.delete(found)
    session.flush()


def _saved(session: Session, found: ProdConfig) -> ProdConfig:
    """The configuration as it is in the database now: numbers have its decimals."""
    session.flush()
    session.refresh(found)
    return found


def _check(session: Session, values: Mapping[str, Any], of: ProdConfig | None = None) -> None:
    if data := values.get("data"):
        problems = effective.data_problems(data)
        if problems:
            raise Invalid({"data": [f"{key} {why}" for key, why in problems.items()]})
    name = values.get("name")
    taken = session.scalar(select(ProdConfig.id).where(ProdConfig.name == name)) if name else None
    if taken is not None and (of is None or taken != of.id):
        raise Invalid({"name": ["prod config with this name already exists."]})


def _require_unused(session: Session, found: ProdConfig, actor: Actor) -> None:
    tasks = session.execute(
        select(ProdTask.name, ProdTask.status).where(ProdTask.prod_config_id == found.id)
    ).all()
    busy = list(open_requests.of_tasks(session, [task.name for task in tasks]))
    locked = [task.name for task in tasks if task.status == TaskStatus.READY]
    users = busy if actor.is_relaxed else [*busy, *locked]
    if users:
        raise Refused(
            f"{_some(list(dict.fromkeys(users)))} would run otherwise than locked: "
            "set it back to draft first, or make another configuration."
        )


def _some(users: list[str] | Any) -> str:
    shown = ", ".join(repr(name) for name in users[:_SHOWN])
    return shown if len(users) <= _SHOWN else f"{shown} and {len(users) - _SHOWN} more"
