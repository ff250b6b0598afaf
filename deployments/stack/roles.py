"""Roles and databases of a PostgreSQL server, made as its superuser; what is there is kept."""

from __future__ import annotations

from typing import LiteralString

import psycopg
from psycopg import sql

from deployments.stack import scram
from deployments.stack.credentials import is_random
from flows.common.database import Limits

PRODOPS_DATABASE = "prodops"
PREFECT_DATABASE = "prefect"

Connection = psycopg.Connection[tuple[object, ...]]


def make_role(connection: Connection, role: str, password: str) -> None:
    """Make the role, and give it the password; the server is told the verifier only."""
    if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone():
        execute(connection, "CREATE ROLE {}", role)
    # always set: a first start may have ended between the two, or the secrets were made anew
    setting = sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}")
    verifier = _verifier(connection, role, password)
    connection.execute(setting.format(sql.Identifier(role), sql.Literal(verifier)))


def _verifier(connection: Connection, role: str, password: str) -> str:
    """What the server is told; a random password is hashed once.

    It cannot be guessed however fast the guesses are, and libpq's usual 4,096 times are a third of
    what it takes to connect.
    """
    if is_random(password):
        return scram.verifier(password, iterations=1)
    made = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
    return made.decode()


def bound(connection: Connection, role: str, limits: Limits) -> None:
    """Let whatever connects as the role have these limits, and no defaults that it set itself."""
    execute(connection, "ALTER ROLE {} RESET ALL", role)
    execute(connection, "ALTER ROLE {} IN DATABASE {} RESET ALL", role, PRODOPS_DATABASE)
    for name, milliseconds in limits.as_parameters().items():
        setting = sql.SQL("ALTER ROLE {} SET {} = {}")
        connection.execute(setting.format(*map(sql.Identifier, (role, name)), milliseconds))


def make_database(connection: Connection, name: str, owner: str) -> None:
    """Make the database for its owner alone."""
    if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
        execute(connection, "CREATE DATABASE {} OWNER {}", name, owner)
    execute(connection, "REVOKE ALL ON DATABASE {} FROM PUBLIC", name)


def prepare_database(connection: Connection, owner: str) -> None:
    """Give the connected database the extension that is searched with, and its owner the schema."""
    connection.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    execute(connection, "ALTER SCHEMA public OWNER TO {}", owner)


def execute(connection: Connection, statement: LiteralString, *names: str) -> None:
    """Execute a statement with these names in its places."""
    connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
