"""A server of which a test's database is backed up, and what it is restored as."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from deployments.backup import making
from deployments.backup import server as backup_server
from deployments.backup.restoring import Restore
from deployments.stack.credentials import OPS_ROLE, SUPERUSER
from tests.databases import Database
from tests.databases import Server as TestServer


@pytest.fixture
def server(postgres: TestServer, database: Database) -> backup_server.Server:
    """Of the test's database, without Prefect's."""
    return backup_server.Server(
        host="127.0.0.1",
        port=postgres.port,
        owners={database.name: OPS_ROLE},
        passfiles=postgres.credentials.passfiles,
        admin=SUPERUSER,
    )


@pytest.fixture
def elsewhere(server: backup_server.Server) -> Iterator[backup_server.Server]:
    """The same server, with a database that is not there yet; nothing of it is left."""
    target = replace(server, owners={f"{server.prodops}_elsewhere": OPS_ROLE})
    yield target
    with target.connect(SUPERUSER, "postgres") as connection:
        like = "SELECT datname FROM pg_database WHERE datname LIKE %s"
        for [name] in connection.execute(like, [f"{target.prodops}%"]).fetchall():
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def made(server: backup_server.Server, directory: Path) -> Path:
    """A backup in that directory."""
    making.make(server, directory, bin_dir=None, say=lambda _: None)
    return directory


def restore_of(server: backup_server.Server, directory: Path) -> Restore:
    return Restore(server=server, directory=directory, bin_dir=None, jobs=1, say=lambda _: None)
