"""Databases for tests, each as the migrations leave it; emptied ones are used again.

To make one costs ten times what it costs to empty one.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text

from deployments.stack.credentials import Credentials
from flows.common import access, callers
from flows.common.callers import Caller, Means, Proof, Scope
from flows.common.database import Limits, make_engine, transaction

Role = Literal["ops", "web"]
_MOST_KEPT = 12
_TEMPLATE = "prodops"
_TABLES = """
    SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables
    WHERE schemaname NOT IN ('pg_catalog', 'information_schema')
"""
_SEQUENCES = """
    SELECT quote_ident(schemaname) || '.' || quote_ident(sequencename) AS name,
           coalesce(last_value, start_value) AS value, last_value IS NOT NULL AS is_called
    FROM pg_sequences
"""
_ALONE = """
    SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND pid <> ALL(:kept)
"""
_LARGE = f"SELECT t FROM ({_TABLES}) AS s(t) WHERE pg_relation_size(t::regclass) > 1000000"
_SCHEMA = (
    " UNION ALL ".join(
        f"SELECT '{name}', count(*), max(oid::bigint) FROM {name}"
        for name in ("pg_class", "pg_constraint", "pg_trigger", "pg_policy")
    )
    + """
    UNION ALL SELECT 'pg_proc', count(*), max(oid::bigint) FROM pg_proc
    WHERE pronamespace <> pg_my_temp_schema()
"""
)
_IS_MADE = "SELECT to_regproc('pg_temp.restore') IS NOT NULL"


@dataclass(frozen=True)
class Server:
    """The PostgreSQL of the test session, whose `prodops` database is the migrated template."""

    port: int
    credentials: Credentials

    def url(self, role: str, database: str) -> URL:
        return make_url(f"postgresql+psycopg://{role}@127.0.0.1:{self.port}/{database}")

    def admin(self, database: str = "postgres", *, isolation: str = "AUTOCOMMIT") -> Engine:
        return create_engine(
            self.url("postgres", database),
            connect_args={"passfile": str(self.credentials.superuser)},
            isolation_level=isolation,
            pool_size=1,
            pool_pre_ping=True,
        )


@dataclass(frozen=True)
class Database:
    """A fresh, migrated database, and the two roles' ways into it."""

    name: str
    ops_url: URL
    web_url: URL
    ops_passfile: Path
    web_passfile: Path
    ops_engine: Engine
    web_engine: Engine
    more_engines: dict[tuple[Role, int, Limits | None], Engine] = field(default_factory=dict)
    backends: set[int] = field(default_factory=set)
    """Those of all these engines' connections."""

    @classmethod
    def of(cls, server: Server, name: str) -> Database:
        ops_url, web_url = (server.url(f"prodops_{role}", name) for role in ("ops", "web"))
        ops, web = server.credentials.ops, server.credentials.web
        engines = make_engine(ops_url, passfile=ops), make_engine(web_url, passfile=web)
        made = cls(name, ops_url, web_url, ops, web, *engines)
        for engine in engines:
            made._watch(engine)
        return made

    def engine(self, role: Role, *, pool_size: int, limits: Limits | None = None) -> Engine:
        """One more engine; the same for all tests with this database: not to be disposed of."""
        key = role, pool_size, limits
        if key not in self.more_engines:
            url, passfile = {
                "ops": (self.ops_url, self.ops_passfile),
                "web": (self.web_url, self.web_passfile),
            }[role]
            engine = make_engine(url, passfile=passfile, pool_size=pool_size, limits=limits)
            self._watch(engine)
            self.more_engines[key] = engine
        return self.more_engines[key]

    def create_token(self, owner: str = "tester", *scopes: Scope) -> str:
        """A token of the owner with these scopes; none: those that a new one has."""
        with transaction(self.ops_engine) as session:
            return access.create_token(session, owner, scopes=scopes or callers.DEFAULT)

    def caller(self, owner: str, *scopes: Scope) -> Caller:
        """The bearer of a new token, as the web tier knows them."""
        proof = Proof(means=Means.TOKEN, value=self.create_token(owner, *scopes))
        with transaction(self.web_engine) as session:
            caller = access.caller_of(session, proof)
        assert caller is not None
        return caller

    def rest(self) -> list[int]:
        """Give the backends of the connections that wait in the pools.

        If one is in use, or they are many, all are closed: the server has a hundred in all.
        """
        is_used = any(engine.pool.checkedout() for engine in self._engines)
        if is_used or len(self.backends) > _MOST_KEPT:
            self.close()
            return []
        return sorted(self.backends)

    def close(self) -> None:
        """Close every connection; the engines keep the statements that they have compiled."""
        for engine in self._engines:
            Engine.dispose(engine)  # a test may have replaced its own

    @property
    def _engines(self) -> list[Engine]:
        return [self.ops_engine, self.web_engine, *self.more_engines.values()]

    def _watch(self, engine: Engine) -> None:
        backends = self.backends
        event.listen(engine, "connect", lambda made, _: backends.add(made.info.backend_pid))
        event.listen(engine, "close", lambda left, _: backends.discard(left.info.backend_pid))


@dataclass
class Pool:
    """The databases of a server, each in use by one test at a time."""

    server: Server
    _idle: list[Database] = field(default_factory=list)
    _numbers: Any = field(default_factory=lambda: itertools.count(1))
    _fresh: _Fresh | None = None
    _admins: dict[str, Engine] = field(default_factory=dict)

    def take(self) -> Database:
        """A database in which nobody has been, or of which nothing is left."""
        if self._idle:
            return self._idle.pop()
        name = f"test_{next(self._numbers)}"
        self._do(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE} OWNER prodops_ops")
        return Database.of(self.server, name)

    def give_back(self, used: Database) -> None:
        """Empty it for the next test; one whose schema is not what it was is dropped."""
        if self._is_emptied(used.name, used.rest()):
            self._idle.append(used)
        else:
            used.close()
            self._admins.pop(used.name).dispose()
            self._do(f"DROP DATABASE {used.name} WITH (FORCE)")

    def close(self) -> None:
        for each in self._idle:
            each.close()
        for engine in self._admins.values():
            engine.dispose()

    def _is_emptied(self, name: str, kept: list[int]) -> bool:
        if self._fresh is None:
            self._fresh = self._read_template()
        if name not in self._admins:
            self._admins[name] = self.server.admin(name, isolation="READ COMMITTED")
        with self._admins[name].begin() as connection:
            return self._fresh.restore(connection, kept)

    def _read_template(self) -> _Fresh:
        engine = self.server.admin(_TEMPLATE)
        with engine.connect() as connection:
            fresh = _Fresh.of(connection)
        engine.dispose()  # who is connected to a template keeps others from copying it
        return fresh

    def _do(self, statement: str) -> None:
        engine = self.server.admin()
        with engine.connect() as connection:
            connection.execute(text(statement))
        engine.dispose()


@dataclass(frozen=True)
class _Fresh:
    """What a fresh database holds: its rows, its sequences, and the number of all its parts."""

    schema: list[tuple[Any, ...]]
    restoring: str
    """Makes a function of the session's that restores rows and sequences; its plans are kept."""

    @classmethod
    def of(cls, connection: Connection) -> _Fresh:
        tables = connection.scalars(text(_TABLES)).all()
        rows = {
            table: list(connection.scalars(text(f"SELECT to_jsonb(t) FROM {table} t")))
            for table in tables
        }
        sequences = connection.execute(text(_SEQUENCES)).mappings().all()
        return cls(_schema_of(connection), _restoring(rows, sequences))

    def restore(self, connection: Connection, kept: list[int]) -> bool:
        """Make the database fresh again; False where its schema is another one.

        Every other connection but those of the backends in `kept` is closed.
        """
        connection.execute(text(_ALONE), {"kept": kept})
        if _schema_of(connection) != self.schema:
            return False
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        if large := connection.scalars(text(_LARGE)).all():
            connection.execute(text(f"TRUNCATE {', '.join(large)} CASCADE"))
        if not connection.scalar(text(_IS_MADE)):
            connection.exec_driver_sql(self.restoring)
        connection.execute(text("SELECT pg_temp.restore()"))
        return True


def _restoring(rows: Mapping[str, list[Any]], sequences: Sequence[Mapping[Any, Any]]) -> str:
    again = [
        f"INSERT INTO {table} OVERRIDING SYSTEM VALUE "
        f"SELECT * FROM jsonb_populate_recordset(NULL::{table}, {_quoted(json.dumps(each))})"
        for table, each in rows.items()
        if each
    ]
    set_back = [
        f"PERFORM setval({_quoted(each['name'])}, {each['value']}, {each['is_called']})"
        for each in sequences
    ]
    steps = [*(f"DELETE FROM {table}" for table in rows), *again, *set_back]
    body = "; ".join(steps)
    return (
        "CREATE FUNCTION pg_temp.restore() RETURNS void LANGUAGE plpgsql "
        f"AS $restore$ BEGIN {body}; END $restore$"
    )


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _schema_of(connection: Connection) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in connection.execute(text(_SCHEMA))]
