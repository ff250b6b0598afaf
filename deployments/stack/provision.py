"""Makes the roles, databases and schema that the parts need: ``python -m …provision``.

A process of its own: what it imports (SQLAlchemy, Alembic, psycopg) would stay in `prodops up`.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import psycopg

from blocks.errors import OutsideUnavailable, ProdOpsError
from deployments import schema
from deployments.access import publish_access
from deployments.stack import roles
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
from deployments.stack.errors import PostgresUnusable
from deployments.stack.layout import Layout
from deployments.stack.postgres import instance_of
from deployments.stack.roles import PREFECT_DATABASE, PRODOPS_DATABASE
from flows.common import access, database
from flows.common.callers import Scope
from flows.common.settings import Settings, settings

OPS_USER = "prodops"
OPS_PURPOSE = "the stack's ops side, for PCS"
CANARY_USER = "prodops-canary"
CANARY_PURPOSE = "the stack's canary"
_ANSWER_SECONDS = 60.0
_POLL_SECONDS = 0.05
_REFUSED = "password authentication failed"


def provision(configured: Settings) -> None:
    """Complete the embedded database of these settings; what is there is kept.

    Raises:
        OutsideUnavailable: The database did not answer in time.
        PostgresUnusable: Its data were made with another password.
    """
    credentials = Credentials(Layout(configured.stack.state_dir).secrets)
    port = configured.database.port
    owners = {PRODOPS_DATABASE: OPS_ROLE, PREFECT_DATABASE: PREFECT_ROLE}
    if configured.sandbox.grid:
        owners[RUCIO_DATABASE] = RUCIO_ROLE
    try:
        first = _connect(port, credentials.superuser)
    except psycopg.errors.InvalidPassword as error:
        instance = instance_of(configured)
        raise PostgresUnusable(
            f"the data in {instance.data} were made with another password than that of "
            f"{credentials.superuser}: put back the secrets that were there, or remove "
            f"{instance.directory} to begin without data"
        ) from error
    with first as connection:
        for role in (*owners.values(), WEB_ROLE):
            roles.make_role(connection, role, password_in(credentials.passfiles[role]))
        for name, owner in owners.items():
            roles.make_database(connection, name, owner)
        roles.execute(connection, "GRANT CONNECT ON DATABASE {} TO {}", PRODOPS_DATABASE, WEB_ROLE)
        roles.bound(connection, WEB_ROLE, database.web_limits(configured))
    for name, owner in owners.items():
        with _connect(port, credentials.superuser, name) as connection:
            roles.prepare_database(connection, owner)


def _connect(port: int, passfile: Path, name: str = "postgres") -> roles.Connection:
    """Connect as the superuser, waiting for a server that is starting or recovering.

    Raises:
        InvalidPassword: It does not take the password.
        OutsideUnavailable: It did not answer in time.
    """
    deadline = time.monotonic() + _ANSWER_SECONDS
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
            if _REFUSED in str(error):  # libpq does not hand on the SQLSTATE of a refused start-up
                raise psycopg.errors.InvalidPassword(str(error)) from error
            if time.monotonic() > deadline:
                reason = str(error).strip().splitlines()[0]
                raise OutsideUnavailable(f"PostgreSQL does not answer: {reason}") from error
        time.sleep(_POLL_SECONDS)


def prepare_access(configured: Settings) -> None:
    """Tell the database who may do what, and make the ops side's tokens some that the API knows.

    Earlier tokens of the stack's end.
    """
    own = Credentials(Layout(configured.stack.state_dir).secrets)
    key, of_canary = (each.read_text().strip() for each in (own.pcs_token, own.canary_token))
    engine = database.make_engine(pool_size=1)
    try:
        with database.transaction(engine) as session:
            access.keep_token(session, OPS_USER, key, OPS_PURPOSE, scopes=[Scope.REQUEST])
            scopes = [Scope.MESSAGE, Scope.OPERATE]
            access.keep_token(session, CANARY_USER, of_canary, CANARY_PURPOSE, scopes=scopes)
            publish_access(session)
    finally:
        engine.dispose()


def main() -> int:
    """Provision the embedded database when asked to, then migrate PRODOPS_DATABASE_URL."""
    configured = settings()
    try:
        if "--embedded" in sys.argv:
            provision(configured)
        if "--migrate" in sys.argv and configured.database.url is not None:
            schema.migrate(configured.database.url, configured.database.passfile)
            prepare_access(configured)
    except ProdOpsError as error:
        sys.stderr.write(f"{error}\n")
        return getattr(error, "exit_code", 1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
