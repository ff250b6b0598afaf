"""How a person's command on the ops side reaches the database: as given, or the running stack's."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from deployments.os_user import user_name
from flows.common import access, actions
from flows.common.callers import Caller, on_ops_side
from flows.common.database import make_engine, transaction
from flows.common.settings import settings


@lru_cache(maxsize=1)
def ops_engine() -> Engine:
    """The database with the ops role's rights.

    Raises:
        BadSetting: There is neither a database in the settings nor a stack.
    """
    join_stack()
    return make_engine(pool_size=2)


@contextmanager
def ops_session() -> Iterator[Session]:
    """One transaction with the ops role's rights.

    Raises:
        BadSetting, DatabaseUnavailable: As for `ops_engine`; PostgreSQL did not answer.
    """
    with transaction(ops_engine()) as session:
        yield session


def publish_access(session: Session) -> None:
    """Tell the database what the settings and the actions say of who may do what."""
    configured = settings()
    access.publish(
        session,
        actions={each.name: each.scope for each in actions.all_actions().values()},
        proxied_scopes=configured.api.proxied_scopes,
        proxied_ceiling=configured.api.proxied_ceiling,
        services=configured.pcs.services,
    )


def os_user() -> Caller:
    """The user of this machine who gives the command: on the ops side, whoever may run it may."""
    return on_ops_side(user_name())


def join_stack() -> None:
    """Set the environment of this process to that of the stack's ops side, where none is given."""
    if settings().database.url is not None:
        return
    from deployments.stack.environment import Zone, environment_of, given_settings  # noqa: PLC0415

    environment = environment_of(Zone.OPS, settings(), given_settings())
    os.environ.update(
        {name: value for name, value in environment.items() if name.startswith("PRODOPS_")}
    )
    settings.cache_clear()
