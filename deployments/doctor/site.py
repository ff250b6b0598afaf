"""What the doctor's checks look at: the settings of one side, and its environment."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.orm import Session

from deployments.access import join_stack
from deployments.stack.credentials import WEB_ROLE
from flows.common.database import make_engine, now, transaction
from flows.common.http_proxies import keep_loopback_direct
from flows.common.settings import BadSetting, Settings, problems, settings


class Side(StrEnum):
    """Whose settings these are."""

    OPS = "ops"
    WEB = "web"


@dataclass(frozen=True, kw_only=True)
class Site:
    """One side of an installation.

    Attributes:
        side: Whose settings these are.
        environment: The environment as it was given.
        timeout_seconds: How long a check may take.
        loaded: The settings; None where they cannot be loaded.
        setting_problems: Why not, a line each.
        clock: Gives the time.
    """

    side: Side
    environment: Mapping[str, str]
    timeout_seconds: float
    loaded: Settings | None
    setting_problems: tuple[str, ...] = ()
    clock: Callable[[], datetime] = now

    @property
    def settings(self) -> Settings:
        """The settings, for a check that needs them.

        Raises:
            BadSetting: They cannot be loaded.
        """
        if self.loaded is None:
            raise BadSetting("; ".join(self.setting_problems))
        return self.loaded

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A transaction in the database, on a connection of its own.

        Raises:
            DatabaseUnavailable: It does not answer.
        """
        engine = make_engine(pool_size=1)
        try:
            with transaction(engine) as session:
                yield session
        finally:
            engine.dispose()


def open_site(*, side: Side | None = None, timeout_seconds: float) -> Site:
    """Find out where this process is; whatever is wrong there is for the checks to say.

    Args:
        side: Whose settings these are; None: whose role the database's URL names.
        timeout_seconds: How long a check may take.
    """
    given = dict(os.environ)
    with suppress(BadSetting):  # the check of the proxies says it
        keep_loopback_direct(os.environ)
    found = problems()
    if not found:
        try:
            join_stack()
            loaded = settings()
        except BadSetting as error:
            found = [str(error)]
        else:
            return Site(
                side=side or side_of(loaded),
                environment=given,
                timeout_seconds=timeout_seconds,
                loaded=loaded,
            )
    return Site(
        side=side or Side.OPS,
        environment=given,
        timeout_seconds=timeout_seconds,
        loaded=None,
        setting_problems=tuple(found),
    )


def side_of(configured: Settings) -> Side:
    """Whose settings these are: the web tier has a role of its own in the database."""
    with suppress(ArgumentError):
        if make_url(configured.database.url or "").username == WEB_ROLE:
            return Side.WEB
    return Side.OPS
