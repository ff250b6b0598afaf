"""Databases in one cluster of the bench's own, empty, new and full, each with a web tier."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import psycopg
from psycopg import sql
from sqlalchemy import URL, Engine, make_url

from deployments import schema
from deployments.access import publish_access
from deployments.bench.common.stack import say, until
from deployments.bench.growth.places import USER
from deployments.bench.growth.rows import Table
from deployments.stack.credentials import OPS_ROLE, SUPERUSER, WEB_ROLE, Credentials
from deployments.stack.parts import command
from deployments.stack.ports import free_ports
from deployments.stack.readiness import answers
from deployments.stack.roles import PRODOPS_DATABASE
from deployments.stack.stack import Stack
from flows.common import access, callers
from flows.common.database import make_engine, transaction

_BLOCK_BYTES: Final = 1 << 20
_READY_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 20.0
_MANY_CALLS: Final = "1000000"  # so that the limit of an assistant's calls is not what is measured
# While the rows are copied, nothing has to survive a crash, and indexes are built in memory.
_WHILE_FILLING: Final = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "2GB",
    "maintenance_work_mem": "512MB",
    "max_wal_size": "4GB",
    "autovacuum": "off",
}


@dataclass(frozen=True)
class Access:
    """The superuser's way into a PostgreSQL of this machine."""

    port: int
    passfile: Path

    @contextmanager
    def connected(self, database: str) -> Iterator[psycopg.Connection[Any]]:
        """A connection of the superuser, each statement a transaction."""
        with psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user=SUPERUSER,
            dbname=database,
            passfile=str(self.passfile),
            autocommit=True,
        ) as connection:
            yield connection

    def copy(self, database: str, table: Table) -> int:
        """Copy a table's rows into a database; gives their number."""
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
            sql.Identifier(table.name),
            sql.SQL(", ").join(sql.Identifier(each.strip()) for each in table.columns.split(",")),
        )
        with self.connected(database) as connection:
            # The rows refer to each other as they should: PostgreSQL need not look up each.
            connection.execute("SET session_replication_role = replica")
            cursor = connection.cursor()
            with cursor.copy(statement) as copy:
                block, size = [], 0
                for line in table.lines:
                    block.append(line)
                    size += len(line)
                    if size > _BLOCK_BYTES:
                        copy.write("".join(block))
                        block, size = [], 0
                copy.write("".join(block))
            return cursor.rowcount


@dataclass(frozen=True)
class Tokens:
    """Two that are good at every database: of somebody who may do all, and of a user."""

    operator: str = field(default_factory=access.new_key)
    user: str = field(default_factory=access.new_key)


@dataclass(frozen=True)
class Cluster:
    """A PostgreSQL with a database of each name."""

    stack: Stack
    databases: tuple[str, ...]

    @property
    def record(self) -> Path:
        """File that says what the databases were filled with, once they are."""
        return self.stack.state_dir / "filled.json"

    @property
    def access(self) -> Access:
        """The superuser's way in."""
        passfile = Credentials(self.stack.layout.secrets).superuser
        return Access(self.stack.settings.database.port, passfile)

    @contextmanager
    def filling(self) -> Iterator[None]:
        """Let the server be quick at filling, and then what it is otherwise; vacuumed, analysed."""
        self._configure(_WHILE_FILLING)
        try:
            yield
            for each in self.databases:
                with self.access.connected(each) as connection:
                    connection.execute("VACUUM ANALYZE")
        finally:
            self._configure({})

    def sizes(self, database: str) -> dict[str, int]:
        """Bytes of a database's tables, with indexes and TOAST, the largest first."""
        with self.access.connected(database) as connection:
            rows = connection.execute(
                "SELECT relname, pg_total_relation_size(oid) FROM pg_class WHERE relkind = 'r' "
                "AND relnamespace = 'public'::regnamespace ORDER BY 2 DESC"
            )
            return {name: size for name, size in rows if size}

    def _configure(self, wanted: dict[str, str]) -> None:
        with self.access.connected("postgres") as connection:
            connection.execute("ALTER SYSTEM RESET ALL")
            for name, value in wanted.items():
                setting = sql.SQL("ALTER SYSTEM SET {} = {}")
                connection.execute(setting.format(sql.Identifier(name), sql.Literal(value)))
        self.stack.restart("postgres")


@contextmanager
def cluster(*names: str, keep: Path | None = None) -> Iterator[tuple[Cluster, Tokens]]:
    """A database of each name, and tokens that are good at all of them.

    Args:
        *names: The databases; they are made, empty, unless earlier ones were kept that are filled.
        keep: Where all of it stays, and may be from an earlier time; None: nothing is left.
    """
    directory = "a temporary directory" if keep is None else str(keep)
    say(f"starting a PostgreSQL in {directory}")
    given = {} if keep is None else {"PRODOPS_STATE_DIR": str(keep)}
    with Stack.temporary(given, parts=["postgres"], is_kept=keep is not None) as stack:
        found, tokens = Cluster(stack, names), Tokens()
        if not found.record.exists():
            with found.access.connected("postgres") as connection:
                for each in names:
                    _clone(connection, each)
        for each in names:
            _prepare(stack, each, tokens)
        yield found, tokens


def _clone(connection: psycopg.Connection[Any], name: str) -> None:
    database, template = sql.Identifier(name), sql.Identifier(PRODOPS_DATABASE)
    # One is there whose filling was interrupted.
    connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(database))
    made = sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}")
    connection.execute(made.format(database, template, sql.Identifier(OPS_ROLE)))
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
    granted = sql.SQL("GRANT CONNECT ON DATABASE {} TO {}")
    connection.execute(granted.format(database, sql.Identifier(WEB_ROLE)))


def _prepare(stack: Stack, name: str, tokens: Tokens) -> None:
    """Give a database this version's schema, and the tokens; one that was kept may be older."""
    url, passfile = _ops(stack, name)
    schema.migrate(url.render_as_string(hide_password=False), passfile)
    with ops_engine(stack, name) as engine, transaction(engine) as session:
        publish_access(session)
        access.keep_token(session, "bench", tokens.operator, "bench", scopes=callers.ALL)
        access.keep_token(session, USER, tokens.user, "bench", scopes=callers.DEFAULT)


@contextmanager
def ops_engine(stack: Stack, name: str) -> Iterator[Engine]:
    """The ops role's engine of a database."""
    url, passfile = _ops(stack, name)
    engine = make_engine(url, passfile=passfile, pool_size=1)
    try:
        yield engine
    finally:
        engine.dispose()


def _ops(stack: Stack, name: str) -> tuple[URL, Path]:
    given = stack.environment("ops")
    url = make_url(given["PRODOPS_DATABASE_URL"]).set(database=name)
    return url, Path(given["PRODOPS_DATABASE_PASSFILE"])


@contextmanager
def web_tier(stack: Stack, database: str) -> Iterator[httpx.Client]:
    """A web tier of a database, and a client of it."""
    environment = stack.environment("web")
    url = make_url(environment["PRODOPS_DATABASE_URL"]).set(database=database)
    (port,) = free_ports(1)
    environment["PRODOPS_DATABASE_URL"] = url.render_as_string(hide_password=False)
    environment["PRODOPS_API_PORT"] = str(port)
    environment["PRODOPS_MCP_CALLS_A_MINUTE"] = _MANY_CALLS
    address = f"http://127.0.0.1:{port}"
    with (
        (stack.state_dir / f"{database}.web.log").open("w") as log,
        subprocess.Popen(
            command("api"), env=environment, cwd=stack.state_dir, stdout=log, stderr=log
        ) as process,
    ):
        try:
            until(lambda: answers(f"{address}/api/health/"), _READY_SECONDS, "the web tier answers")
            with httpx.Client(base_url=address, timeout=60) as client:
                yield client
        finally:
            process.terminate()
            deadline = time.monotonic() + _STOP_SECONDS
            while process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.1)
            process.kill()
