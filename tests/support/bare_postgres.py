"""A PostgreSQL as an operating system has it: a superuser, and none of our roles."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from deployments.stack.accounts import database_account
from deployments.stack.binaries import find_binaries, reachable_by
from deployments.stack.ports import free_ports
from tests.waiting import PATIENCE, wait_until

_PASSWORD = "superuser's"
_CARELESS = [
    "-c",
    "fsync=off",
    "-c",
    "unix_socket_directories=",
    "-c",
    "listen_addresses=127.0.0.1",
]


@dataclass(frozen=True)
class BarePostgres:
    """A running server.

    Attributes:
        url: The superuser's URL.
        passfile: The superuser's password file.
        port: Where it listens.
        hba: Its pg_hba.conf.
    """

    url: str
    passfile: Path
    port: int
    hba: Path

    def connect(self, database: str = "postgres") -> psycopg.Connection[tuple[object, ...]]:
        """A connection as the superuser, without a transaction."""
        url = self.url.removesuffix("postgres") + database
        return psycopg.connect(url, passfile=str(self.passfile), autocommit=True)

    def is_up(self) -> bool:
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True


@contextmanager
def bare_postgres() -> Iterator[BarePostgres]:
    """Make a server's data, run it, and leave nothing of it."""
    account = database_account(None)
    home = Path(tempfile.mkdtemp(prefix="prodops-bare-"))
    (port,) = free_ports(1)
    as_account = {} if account.is_current else {
        "user": account.uid, "group": account.gid, "extra_groups": [],
    }  # fmt: skip
    try:
        home.chmod(0o700)
        shutil.chown(home, account.uid, account.gid)
        binaries = reachable_by(account, find_binaries(None), home)
        (home / "password").write_text(_PASSWORD)
        (home / "password").chmod(0o644)
        (home / "passfile").write_text(f"127.0.0.1:{port}:*:postgres:{_PASSWORD}\n")
        (home / "passfile").chmod(0o600)
        made = [binaries.initdb, "-D", home / "data", "-U", "postgres", "-A", "scram-sha-256"]
        options = [f"--pwfile={home / 'password'}", "--no-sync", "--locale=C.UTF-8", "-E", "UTF8"]
        subprocess.run([*made, *options], cwd=home, check=True, capture_output=True, **as_account)
        command = [binaries.postgres, "-D", home / "data", "-p", str(port), *_CARELESS]
        with (home / "log").open("w") as log:
            process = subprocess.Popen(command, cwd=home, stderr=log, stdout=log, **as_account)
        url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        server = BarePostgres(url, home / "passfile", port, home / "data/pg_hba.conf")
        try:
            wait_until(server.is_up)
            yield server
        finally:
            process.terminate()
            process.wait(PATIENCE)
    finally:
        shutil.rmtree(home)
