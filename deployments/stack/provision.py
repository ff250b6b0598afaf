"""Makes the roles, databases and schema that the parts need: ``python -m …provision``.

A process of its own: what it imports (SQLAlchemy, Alembic, psycopg) would stay in `prodops up`.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import psycopg
from psycopg import sql

from api.http import access
from blocks.errors import OutsideUnavailable, ProdOpsError
from deployments.stack.credentials import (
    OPS_ROLE,
    PREFECT_ROLE,
    RUCIO_DATABASE,
    RUCIO_ROLE,
    SUPERUSER,
    WEB_ROLE,
    Credentials,
    password_in,
)
from deployments.stack.layout import Layout
from flows.common import database
from flows.common.settings import Settings, settings

PRODOPS_DATABASE = "prodops"
PREFECT_DATABASE = "prefect"
OPS_USER = "prodops"
OPS_PURPOSE = "the stack's ops side, for PCS"
ANSWER_SECONDS = 60.0
_POLL_SECONDS = 0.05


def provision(configured: Settings, *, timeout_seconds: float = ANSWER_SECONDS) -> None:
    """Complete the embedded database of these settings; what is there is kept.

    Raises:
        OutsideUnavailable: The database did not answer in time.
    """
    layout = Layout(configured.stack.state_dir)
    credentials = Credentials(layout.secrets)
    port = configured.database.port
    passwords = {
        OPS_ROLE: password_in(credentials.ops),
        WEB_ROLE: password_in(credentials.web),
        PREFECT_ROLE: password_in(credentials.prefect),
    }
    with _connect(port, credentials.superuser, timeout_seconds) as connection:
        for role, password in passwords.items():
            _make_role(connection, role, password)
        _make_database(connection, PRODOPS_DATABASE, owner=OPS_ROLE, guest=WEB_ROLE)
        _make_database(connection, PREFECT_DATABASE, owner=PREFECT_ROLE)
        if configured.sandbox.grid:
            _make_role(connection, RUCIO_ROLE, password_in(credentials.rucio))
            _make_database(connection, RUCIO_DATABASE, owner=RUCIO_ROLE)
    owners = {PRODOPS_DATABASE: OPS_ROLE, PREFECT_DATABASE: PREFECT_ROLE}
    if configured.sandbox.grid:
        owners[RUCIO_DATABASE] = RUCIO_ROLE
    for name, owner in owners.items():
        with _connect(port, credentials.superuser, timeout_seconds, name) as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
            connection.execute(
                sql.SQL("ALTER SCHEMA public OWNER TO {}").format(sql.Identifier(owner))
            )


def _connect(
    port: int, passfile: Path, timeout_seconds: float, name: str = "postgres"
) -> psycopg.Connection[tuple[object, ...]]:
    """Connect as the superuser, waiting for a server that is starting or recovering."""
    deadline = time.monotonic() + timeout_seconds
    while True:
        try:
            return psycopg.connect(
                host="127.0.0.1",
                port=port,
                user=SUPERUSER,
                dbname=name,
                passfile=str(passfile),
                connect_timeout=5,
                autocommit=True,
            )
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline:
                reason = str(error).strip().splitlines()[-1]
                raise OutsideUnavailable(f"PostgreSQL does not answer: {reason}") from error
        time.sleep(_POLL_SECONDS)


def _make_role(
    connection: psycopg.Connection[tuple[object, ...]], role: str, password: str
) -> None:
    name = sql.Identifier(role)
    if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone():
        connection.execute(sql.SQL("CREATE ROLE {}").format(name))
    # always set: a first start may have ended between the two, or the secrets were made anew
    verifier = connection.pgconn.encrypt_password(
        password.encode(), role.encode(), b"scram-sha-256"
    )
    connection.execute(
        sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(name, sql.Literal(verifier.decode()))
    )


def _make_database(
    connection: psycopg.Connection[tuple[object, ...]],
    name: str,
    *,
    owner: str,
    guest: str | None = None,
) -> None:
    database_name, owner_name = sql.Identifier(name), sql.Identifier(owner)
    if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(database_name, owner_name))
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database_name))
    if guest is not None:
        connection.execute(
            sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(
                database_name, sql.Identifier(guest)
            )
        )


def know_ops_token(configured: Settings) -> None:
    """Make the ops side's token one that the API knows; an earlier one of the stack's ends."""
    key = Credentials(Layout(configured.stack.state_dir).secrets).pcs_token.read_text().strip()
    engine = database.make_engine(pool_size=1)
    try:
        with database.transaction(engine) as session:
            access.keep_token(session, OPS_USER, key, OPS_PURPOSE)
    finally:
        engine.dispose()


def main() -> int:
    """Provision the embedded database when asked to, then migrate PRODOPS_DATABASE_URL."""
    configured = settings()
    try:
        if "--embedded" in sys.argv:
            provision(configured)
        if "--migrate" in sys.argv and configured.database.url is not None:
            database.migrate(configured.database.url, configured.database.passfile)
            know_ops_token(configured)
    except ProdOpsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
