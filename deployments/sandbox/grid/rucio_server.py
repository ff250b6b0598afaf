"""Rucio as a part of the stack: its configuration, its database's content, and its server."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from blocks.errors import ProdOpsError
from deployments.sandbox.files import private_text, write_private
from deployments.sandbox.grid import canary
from deployments.sandbox.grid.access import (
    ACCOUNTS,
    PANDA,
    READER,
    ROOT,
    certificates_of,
    password,
    password_file,
    rucio_home,
)
from deployments.sandbox.grid.certificates import USERS, Certificates, subject_of
from deployments.sandbox.grid.doors import doors_of, protocol_of, rse_type
from deployments.sandbox.grid.grid import Grid
from deployments.sandbox.grid.programs import SOURCES
from deployments.sandbox.grid.server_environment import server_python
from deployments.stack.credentials import RUCIO_DATABASE, RUCIO_ROLE, Credentials
from deployments.stack.layout import Layout
from flows.common.settings import Settings

SCOPES = ("epic", "group.EIC")
RSES = ("BNL-XRD", "EIC-XRD", "JLAB-TAPE-SE", "ASGC-XRD")
_CONFIGURATION = """\
[common]
logdir = {home}
loglevel = WARNING

[database]
default = postgresql+psycopg://{role}@127.0.0.1:{database_port}/{database}?passfile={passfile}
echo = 0
pool_size = 5
max_overflow = 5
pool_reset_rollback = True

[bootstrap]
userpass_identity = {root}
userpass_pwd = {root_password}
userpass_email = sandbox@localhost
x509_identity =
gss_identity =
ssh_identity =

[policy]
package = eic_rucio_policy_package
extract_scope = eic
lfn2pfn_algorithm_default = eic
support = sandbox
support_rucio = sandbox
"""


class RucioNotPrepared(ProdOpsError):
    """Rucio's database could not be completed."""


@dataclass(frozen=True)
class RucioServer:
    """The Rucio of one stack, and its files."""

    settings: Settings

    @property
    def home(self) -> Path:
        """RUCIO_HOME."""
        return rucio_home(self.settings)

    @property
    def certificates(self) -> Certificates:
        """The CA, and what it signed."""
        return Certificates(certificates_of(self.settings))

    def make_files(self) -> None:
        """Make certificates and passwords that are not there yet."""
        self.certificates.make()
        for account in ACCOUNTS:
            private_text(password_file(self.settings, account), secrets.token_urlsafe(24))

    def prepare(self, python: Path) -> None:
        """Complete the database; nothing is done where it was completed for the same wishes.

        Raises:
            RucioNotPrepared: It could not be completed.
        """
        self._write_configuration()
        wishes = json.dumps(self._wishes(), indent=1)
        done = self.home / "prepared"
        digest = hashlib.sha256((wishes + str(python)).encode()).hexdigest()
        if done.exists() and done.read_text() == digest:
            return
        write_private(self.home / "wishes.json", wishes)
        ended = subprocess.run(
            [python, SOURCES / "prepare.py", self.home / "wishes.json"],
            env=self.environment(), cwd=self.home, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if ended.returncode != 0:
            sys.stderr.write(ended.stderr)
            said = ended.stderr.strip().splitlines()
            raise RucioNotPrepared(f"Rucio's database was not completed: {' '.join(said[-1:])}")
        done.write_text(digest)

    def environment(self) -> dict[str, str]:
        """The whole environment of the server's processes."""
        return {
            "PATH": "/usr/bin:/bin",
            "HOME": os.fspath(self.home),
            "LC_ALL": "C.UTF-8",
            "RUCIO_HOME": os.fspath(self.home),
            "PYTHONUNBUFFERED": "1",
            "MALLOC_ARENA_MAX": "2",
            "SANDBOX_RUCIO_BIND": f"127.0.0.1:{self.settings.sandbox.rucio_port}",
            "SANDBOX_RUCIO_CERTIFICATE": os.fspath(self.certificates.host),
            "SANDBOX_RUCIO_KEY": os.fspath(self.certificates.host_key),
            "SANDBOX_RUCIO_CA": os.fspath(self.certificates.ca_file),
        }

    def _write_configuration(self) -> None:
        passfile = Credentials(Layout(self.settings.stack.state_dir).secrets).rucio
        text = _CONFIGURATION.format(
            home=self.home, role=RUCIO_ROLE, database=RUCIO_DATABASE, passfile=passfile,
            database_port=self.settings.database.port, root=ROOT,
            root_password=password(self.settings, ROOT),
        )  # fmt: skip
        write_private(self.home / "etc" / "rucio.cfg", text)

    def _wishes(self) -> Mapping[str, Any]:
        accounts = [
            {
                "name": account,
                "user": account,
                "password": password(self.settings, account),
                "is_admin": account == PANDA,
                "dn": subject_of(USERS[0]) if account == PANDA else None,
            }
            for account in (PANDA, READER)
        ]
        doors = doors_of(self.settings)
        return {
            "accounts": accounts,
            "scopes": SCOPES,
            "rses": [
                {"rse": rse, "rse_type": rse_type(rse), "protocol": protocol_of(rse, doors)}
                for rse in RSES
            ],
            "other_protocol": protocol_of("{rse}", doors),
        }


def run(settings: Settings) -> NoReturn:
    """Complete database and doors, then become the server (SIGTERM stops it).

    Raises:
        RucioNotPrepared: The database could not be completed.
    """
    server = RucioServer(settings)
    server.make_files()
    python = server_python()
    server.prepare(python)
    canary.put(Grid(settings))
    os.chdir(SOURCES)
    argv = [os.fspath(python), "-m", "gunicorn", "-c", "gunicorn_conf.py", "wsgi_app:application"]
    os.execve(argv[0], argv, server.environment())  # noqa: S606 - no shell is wanted
