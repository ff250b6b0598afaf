"""The database server that is backed up: whose its databases are, and how each role gets in."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg
from sqlalchemy import URL, make_url

from deployments.stack.credentials import OPS_ROLE, PREFECT_ROLE, SUPERUSER, WEB_ROLE, Credentials
from deployments.stack.environment import given_settings
from deployments.stack.layout import Layout
from deployments.stack.lock import UpLock
from deployments.stack.roles import PREFECT_DATABASE, PRODOPS_DATABASE
from deployments.stack.stack import Stack
from flows.common.database import connect_arguments
from flows.common.database_errors import DatabaseUnavailable
from flows.common.settings import Settings

_LIMITS: Final = "-c statement_timeout=0 -c idle_in_transaction_session_timeout=0"

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server with both databases.

    Attributes:
        owners: The role that each database belongs to, by the database's name; prodops's is first.
        passfiles: libpq's password file of each role; of a server of yours, the same for all.
        admin: The role that may make databases.
    """

    host: str
    port: int
    owners: Mapping[str, str]
    passfiles: Mapping[str, Path | None]
    admin: str

    @property
    def prodops(self) -> str:
        """The name of prodops's own database."""
        return next(iter(self.owners))

    def url(self, role: str, database: str) -> URL:
        """How SQLAlchemy connects."""
        return URL.create("postgresql+psycopg", role, None, self.host, self.port, database)

    def connect(self, role: str, database: str) -> Connection:
        """A connection in autocommit.

        Raises:
            DatabaseUnavailable: The server does not let the role in, or does not answer.
        """
        arguments = connect_arguments(self.passfiles[role])
        arguments["options"] += f" {_LIMITS}"
        try:
            return psycopg.connect(
                host=self.host,
                port=self.port,
                user=role,
                dbname=database,
                autocommit=True,
                **arguments,
            )
        except psycopg.OperationalError as error:
            reason = str(error).strip().splitlines()[-1]
            raise DatabaseUnavailable(
                f"{role} gets no connection to {database}: {reason}"
            ) from error

    def environment(self, role: str, database: str) -> dict[str, str]:
        """How one of libpq's programs connects."""
        passfile = self.passfiles[role]
        named = {} if passfile is None else {"PGPASSFILE": os.fspath(passfile)}
        return {
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGUSER": role,
            "PGDATABASE": database,
            "PGOPTIONS": _LIMITS,
            "PGTZ": "UTC",
            "HOME": os.environ.get("HOME", "/"),
            **named,
        }


def server_of(
    configured: Settings, *, admin: str | None = None, has_prefect: bool = True
) -> Server:
    """The server of these settings: yours, or the stack's own.

    Args:
        configured: The settings.
        admin: The role that may make databases, by default `postgres`.
        has_prefect: Whether Prefect's database is one of this server's.
    """
    roles = (OPS_ROLE, WEB_ROLE, PREFECT_ROLE, admin or SUPERUSER)
    if configured.database.url is None:
        credentials = Credentials(Layout(configured.stack.state_dir).secrets)
        known = credentials.passfiles
        host, port, name, owner = "127.0.0.1", configured.database.port, PRODOPS_DATABASE, OPS_ROLE
        passfiles = {role: known.get(role) for role in roles}
    else:
        url = make_url(configured.database.url)
        host, port = url.host or "127.0.0.1", url.port or 5432
        name, owner = url.database or PRODOPS_DATABASE, url.username or OPS_ROLE
        passfiles = dict.fromkeys((*roles, owner), configured.database.passfile)
    owners = {name: owner} | ({PREFECT_DATABASE: PREFECT_ROLE} if has_prefect else {})
    return Server(
        host=host, port=port, owners=owners, passfiles=passfiles, admin=admin or SUPERUSER
    )


@contextmanager
def answering(configured: Settings) -> Iterator[None]:
    """The server of these settings answers: the stack's own is started where the stack is down.

    Raises:
        PartFailed: It did not come up.
    """
    if configured.database.url is not None or UpLock(Layout(configured.stack.state_dir)).holder():
        yield
        return
    stack = Stack(configured, given_settings(), parts=("postgres",), is_migrated=False)
    try:
        stack.start()
        yield
    finally:
        stack.stop()
