"""PostgreSQL: engines, sessions, the models' base, and the schema's migration.

Repositories hold the SQL and never commit; the boundary that opens a session owns its transaction.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, cast

from sqlalchemy import (
    URL,
    ColumnElement,
    Connection,
    DateTime,
    Engine,
    MetaData,
    any_,
    create_engine,
    event,
    func,
    literal,
    make_url,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.pool import ConnectionPoolEntry

from flows.common import loaders
from flows.common.database_errors import (
    DatabaseState,
    DatabaseUnavailable,
    state_of,
    translated,
)
from flows.common.settings import BadSetting, Settings, settings

AwareTime: Final = DateTime(timezone=True)

_NAMES = {
    "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "ck": "%(table_name)s_%(constraint_name)s_check",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "pk": "%(table_name)s_pkey",
}
_encode: Final = json.JSONEncoder(default=str).encode
_POOL_SECONDS: Final = 10.0  # how long somebody waits for a connection of the pool
RECYCLE_SECONDS: Final = 120
"""Age at which a pooled connection is made anew: its backend's caches grow by all that it plans."""
_MADE_AT: Final = "prodops_made_at"
_READ_ONLY_SECONDS: Final = 1.0  # how often a connection of a read-only database is made anew
_USELESS: Final = {DatabaseState.AWAY, DatabaseState.READ_ONLY, DatabaseState.FULL}
"""States after whose error no connection of the pool is used again."""


class Base(DeclarativeBase):
    """Base of every table's model."""

    metadata = MetaData(naming_convention=_NAMES)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How long a statement may take, a transaction stand idle, and a lock be waited for.

    In seconds; None: without a limit.
    """

    statement_seconds: float | None = None
    idle_seconds: float | None = None
    lock_seconds: float | None = None

    def as_parameters(self) -> dict[str, int]:
        """PostgreSQL's parameters, in milliseconds; a wait for a lock is part of its statement."""
        seconds = {
            "statement_timeout": self.statement_seconds,
            "idle_in_transaction_session_timeout": self.idle_seconds,
            "lock_timeout": self.lock_seconds,
        }
        return {name: round(1000 * each) for name, each in seconds.items() if each is not None}

    def as_options(self) -> str:
        """Options of a connection, as libpq takes them."""
        return " ".join(f"-c {name}={value}" for name, value in self.as_parameters().items())


def web_limits(configured: Settings) -> Limits:
    """How long the web tier's statements may take, and its transactions stand idle."""
    return Limits(
        statement_seconds=configured.api.statement_seconds,
        idle_seconds=configured.api.idle_transaction_seconds,
    )


_NOTICED_SOON: Final = (
    "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3 "
    "-c tcp_user_timeout=25000"
)
"""Options of every session: a machine that vanished says no goodbye, and PostgreSQL would keep its
transaction, and the locks that all others wait for, for two hours."""
PART_LIMITS: Final = Limits(lock_seconds=60.0)
"""Of the parts of the ops side: a lock that somebody holds is waited out like an outage."""


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
    """Arguments of every connection: bounded, kept alive from both ends, password from a file."""
    arguments: dict[str, Any] = {
        "connect_timeout": 5,
        "options": _NOTICED_SOON,
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "tcp_user_timeout": 30_000,  # ms: that the server vanished is noticed in the middle, too
        "application_name": "prodops",
    }
    if passfile is not None:
        arguments["passfile"] = str(passfile)
    return arguments


def make_engine(
    url: URL | None = None,
    *,
    passfile: Path | None = None,
    pool_size: int | None = None,
    limits: Limits | None = None,
) -> Engine:
    """An engine for `url`, by default the one of the settings.

    Stale connections are found before use, so that a database restart costs no error; one that
    was made while the database was read-only is made anew.
    """
    configured = settings().database
    arguments = connect_arguments(passfile or configured.passfile)
    if limits is not None:
        arguments["options"] += f" {limits.as_options()}"
    engine = create_engine(
        url or database_url(),
        connect_args=arguments,
        pool_size=pool_size or configured.pool_size,
        max_overflow=pool_size or configured.pool_size,
        pool_pre_ping=True,
        pool_use_lifo=True,  # few backends stay warm; each keeps what it has planned
        pool_recycle=RECYCLE_SECONDS,
        pool_timeout=_POOL_SECONDS,
        json_deserializer=loaders.read_json,
        use_native_hstore=False,  # one question less at a process's first connection
    )
    event.listen(engine, "handle_error", _throw_away)
    event.listen(engine, "connect", _note_age)
    event.listen(engine, "connect", lambda connection, _record: loaders.register(connection))
    event.listen(engine, "checkout", _renew_if_read_only)
    return engine


def _throw_away(context: ExceptionContext) -> None:
    """Have the pool close its connections after an error that says that they are of no use."""
    if state_of(context.original_exception) in _USELESS:
        context.is_disconnect = True


def _note_age(_connection: Any, record: ConnectionPoolEntry) -> None:
    record.info[_MADE_AT] = time.monotonic()


def _renew_if_read_only(connection: Any, record: ConnectionPoolEntry, _: Any) -> None:
    """Make a read-only connection anew: the default that it began with may be gone by now.

    PostgreSQL reports both parameters with the answer to the ping that came before.
    """
    says = connection.info.parameter_status
    if "on" not in {says("default_transaction_read_only"), says("in_hot_standby")}:
        return
    if time.monotonic() - record.info[_MADE_AT] > _READ_ONLY_SECONDS:
        raise DisconnectionError("the connection is read-only")


@contextmanager
def transaction(bind: Engine | Connection) -> Iterator[Session]:
    """One transaction: committed at the end, rolled back on an error; the session ends with it.

    Raises:
        DatabaseUnavailable, StatementTooSlow: As for :func:`translated`.
    """
    # Used later it would open another transaction, whose connection nobody gives back.
    with translated(), Session(bind, expire_on_commit=False, close_resets_only=False) as session:
        yield session
        session.commit()


def among(column: Any, values: Iterable[Any]) -> ColumnElement[bool]:
    """Whether the column has one of the values: one parameter, however many values there are.

    The protocol has room for 65,535 parameters, and `in_` takes one for each value.
    """
    return cast("ColumnElement[bool]", column == any_(literal(list(values), ARRAY(column.type))))


def rows_among(columns: Sequence[Any], rows: Sequence[Sequence[Any]]) -> ColumnElement[bool]:
    """Whether the columns together have the values of one of the rows: an array for each column."""
    arrays = [
        literal([row[place] for row in rows], ARRAY(column.type))
        for place, column in enumerate(columns)
    ]
    names = [column.key for column in columns]
    return tuple_(*columns).in_(select(func.unnest(*arrays).table_valued(*names).render_derived()))


def json_row(columns: Mapping[str, object], **texts: str) -> str:
    """A row for PostgreSQL's ``json_to_recordset``; `texts` are columns that are JSON already."""
    written = [f'"{name}": {text}' for name, text in texts.items()]
    return ", ".join([_encode(columns)[:-1], *written]) + "}"


def migrate(url: str, passfile: Path | None = None, *, back_to: str | None = None) -> None:
    """Bring the schema at `url` to the newest revision, or back to an older one.

    Raises:
        BadSetting: It is of a newer version than this one, or there is no such revision.
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
            if back_to is None:
                command.upgrade(config, "head")
            else:
                command.downgrade(config, back_to)
    except CommandError as error:
        raise BadSetting(
            f"the database's schema cannot be migrated by this version: {error}"
        ) from error
    finally:
        engine.dispose()
