"""PostgreSQL: engines, sessions, the models' base, and the schema's migration.

Repositories hold the SQL and never commit; the boundary that opens a session owns its transaction.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Self

import psycopg
from sqlalchemy import URL, Connection, DateTime, Engine, MetaData, create_engine, make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Session

from blocks.errors import OutsideUnavailable
from flows.common.settings import BadSetting, settings

AwareTime: Final = DateTime(timezone=True)

_NAMES = {
    "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "ck": "%(table_name)s_%(constraint_name)s_check",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "pk": "%(table_name)s_pkey",
}
_encode: Final = json.JSONEncoder(default=str).encode


class Base(DeclarativeBase):
    """Base of every table's model."""

    metadata = MetaData(naming_convention=_NAMES)


class DatabaseUnavailable(OutsideUnavailable):
    """PostgreSQL did not answer; what was accepted before is kept."""


def now() -> datetime:
    """The time, aware, in UTC."""
    return datetime.now(UTC)


def database_url() -> URL:
    """The URL that this process connects to, without a password where a file holds it."""
    configured = settings().database
    if configured.url is None:
        raise DatabaseUnavailable(
            "PRODOPS_DATABASE_URL is not set: run inside `prodops up`, or point it at a database"
        )
    return make_url(configured.url)


def connect_arguments(passfile: Path | None) -> dict[str, Any]:
    """Arguments of every connection: bounded, kept alive, password from a file."""
    arguments: dict[str, Any] = {
        "connect_timeout": 5,
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "application_name": "prodops",
    }
    if passfile is not None:
        arguments["passfile"] = str(passfile)
    return arguments


def make_engine(
    url: URL | None = None, *, passfile: Path | None = None, pool_size: int | None = None
) -> Engine:
    """An engine for `url`, by default the one of the settings.

    Stale connections are found before use, so that a database restart costs no error.
    """
    configured = settings().database
    return create_engine(
        url or database_url(),
        connect_args=connect_arguments(passfile or configured.passfile),
        pool_size=pool_size or configured.pool_size,
        max_overflow=pool_size or configured.pool_size,
        pool_pre_ping=True,
        pool_timeout=10,
        use_native_hstore=False,  # one question less at a process's first connection
    )


def listen_dsn() -> str:
    """The connection string of a bare psycopg connection, as LISTEN needs one."""
    configured = settings().database
    plain = database_url().set(drivername="postgresql").render_as_string(hide_password=False)
    arguments = {key: str(value) for key, value in connect_arguments(configured.passfile).items()}
    return psycopg.conninfo.make_conninfo(plain, **arguments)


class NotificationListener:
    """Waits for notifications on a channel; while the database is away, by the clock alone."""

    def __init__(self, channel: str) -> None:
        self._channel = channel
        self._connection: psycopg.Connection[Any] | None = None

    def __enter__(self) -> Self:
        self._listen()
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            self._connection.close()

    def wait(self, seconds: float) -> None:
        """Return at a notification, or after `seconds`."""
        if self._connection is None or self._connection.closed:
            self._listen()
        if self._connection is None:
            time.sleep(seconds)
            return
        try:
            for _ in self._connection.notifies(timeout=seconds, stop_after=1):
                return
        except psycopg.OperationalError:
            self._connection.close()

    def _listen(self) -> None:
        try:
            self._connection = psycopg.connect(listen_dsn(), autocommit=True)
            self._connection.execute(f"LISTEN {self._channel}")
        except psycopg.OperationalError:
            self._connection = None


@contextmanager
def transaction(bind: Engine | Connection) -> Iterator[Session]:
    """One transaction: committed at the end, rolled back on an error.

    Raises:
        DatabaseUnavailable: PostgreSQL did not answer, or broke the connection.
    """
    with Session(bind, expire_on_commit=False) as session:
        try:
            yield session
            session.commit()
        except DBAPIError as error:
            session.rollback()
            if is_unavailable(error):
                raise DatabaseUnavailable(
                    f"the database is unavailable: {_first_line(error)}"
                ) from error
            raise


def is_unavailable(error: DBAPIError) -> bool:
    """Whether the database is away, full or stopping, rather than the SQL bad."""
    return isinstance(error, OperationalError) or error.connection_invalidated


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).strip().split("\n", maxsplit=1)[0]


def json_row(columns: Mapping[str, object], **texts: str) -> str:
    """A row for PostgreSQL's ``json_to_recordset``; `texts` are columns that are JSON already."""
    written = [f'"{name}": {text}' for name, text in texts.items()]
    return ", ".join([_encode(columns)[:-1], *written]) + "}"


def migrate(url: str, passfile: Path | None = None) -> None:
    """Bring the schema at `url` to the newest revision.

    Raises:
        BadSetting: It is of a newer version than this one.
    """
    from alembic import command  # noqa: PLC0415 - Alembic is slow to import and rarely needed
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", "deployments:migrations")
    engine = create_engine(url, connect_args=connect_arguments(passfile))
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except CommandError as error:
        raise BadSetting(
            f"the database's schema cannot be migrated by this version: {error}"
        ) from error
    finally:
        engine.dispose()
