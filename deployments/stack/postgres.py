"""The embedded PostgreSQL: its data directory, its configuration, and becoming its server."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from deployments import parent_death
from deployments.stack.accounts import Account, claim, database_account, own_directory
from deployments.stack.binaries import Binaries, find_binaries, reachable_by
from deployments.stack.credentials import SUPERUSER, Credentials, password_in
from deployments.stack.errors import PostgresUnusable
from deployments.stack.layout import Layout
from flows.common.settings import Settings

_WITH_IO_WORKERS = 18
_CONFIGURATION = {
    # loopback TCP with passwords is the only way in
    "listen_addresses": "'127.0.0.1'",
    "unix_socket_directories": "''",
    "password_encryption": "'scram-sha-256'",
    # nothing accepted may be lost
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    # a small, quiet neighbour
    "max_connections": "100",
    "shared_buffers": "'32MB'",
    "work_mem": "'4MB'",
    "maintenance_work_mem": "'32MB'",
    "effective_cache_size": "'256MB'",
    "max_worker_processes": "2",
    "max_parallel_workers": "0",
    "max_parallel_workers_per_gather": "0",
    "max_parallel_maintenance_workers": "0",
    "autovacuum_max_workers": "2",
    "jit": "off",
    "wal_level": "'minimal'",
    "max_wal_senders": "0",
    "max_wal_size": "'512MB'",
    "checkpoint_timeout": "'15min'",
    "huge_pages": "'off'",
    "log_destination": "'stderr'",
    "logging_collector": "off",
    "log_line_prefix": "'%m [%p] %u@%d '",
    "log_timezone": "'UTC'",
    "timezone": "'UTC'",
}


@dataclass(frozen=True)
class Instance:
    """One embedded database: who runs it, with which programs, and where it is."""

    account: Account
    binaries: Binaries
    base: Path
    directory: Path
    port: int

    @property
    def data(self) -> Path:
        """PostgreSQL's data directory."""
        return self.directory / "data"

    @property
    def configuration(self) -> Path:
        """The server's configuration, written anew at each start."""
        return self.directory / "postgresql.conf"


def instance_of(settings: Settings) -> Instance:
    """The embedded database of these settings; nothing is made.

    Raises:
        PostgresUnusable: There are no programs for it, or no user.
    """
    layout = Layout(settings.stack.state_dir)
    account = database_account(settings.database.os_user)
    base = layout.state_dir if account.is_current else own_directory(account)
    return Instance(
        account=account,
        binaries=find_binaries(settings.database.bin_dir),
        base=base,
        directory=base / ("postgres" if account.is_current else layout.digest),
        port=settings.database.port,
    )


def run(settings: Settings) -> NoReturn:
    """Prepare the instance where that is needed, then become its server (SIGINT stops it).

    Raises:
        PostgresUnusable: It cannot be prepared.
    """
    layout = Layout(settings.stack.state_dir)
    credentials = Credentials(layout.secrets)
    with layout.used():
        layout.create()
        credentials.create()
    instance = instance_of(settings)
    instance.account.fork(lambda: claim(instance.base, instance.account)).wait()
    binaries = reachable_by(instance.account, instance.binaries, instance.base)
    password = password_in(credentials.superuser)
    death_signal, parent = parent_death.death_signal(), os.getppid()
    instance.account.become()
    if death_signal:  # the kernel forgets it when the user changes
        parent_death.die_with_parent(parent, death_signal)
    prepare(instance, binaries, password)
    _exec_server(instance, binaries)


def prepare(instance: Instance, binaries: Binaries, password: str) -> None:
    """Make the data directory if there is none, and write the configuration (as its user)."""
    os.umask(0o077)
    instance.directory.mkdir(mode=0o700, exist_ok=True)
    for leftover in instance.directory.glob("data.*"):
        shutil.rmtree(leftover)
    if not instance.data.exists():
        _initdb(instance, binaries, password)
    check_version(instance, binaries)
    lines = _CONFIGURATION | {"port": str(instance.port)}
    if binaries.major >= _WITH_IO_WORKERS:
        lines["io_method"] = "'sync'"
    text = "".join(f"{name} = {value}\n" for name, value in lines.items())
    instance.configuration.write_text(text)


def remove(instance: Instance) -> None:
    """Remove a stopped instance wholly: its directory, and its user's directory if now empty."""
    shutil.rmtree(instance.directory, ignore_errors=not instance.directory.exists())
    if not instance.account.is_current and instance.base.exists():
        with suppress(OSError):  # another stack's data, or the copied programs, are there
            instance.base.rmdir()


def _initdb(instance: Instance, binaries: Binaries, password: str) -> None:
    """Run initdb beside the final place and rename: an interrupted one leaves nothing half-done."""
    fresh = instance.directory / f"data.{os.getpid()}"
    password_file = instance.directory / "initdb.password"
    password_file.write_text(f"{password}\n")
    options = ["--auth=scram-sha-256", f"--pwfile={password_file}", f"--username={SUPERUSER}"]
    options += ["--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions"]
    try:
        done = subprocess.run(
            [binaries.initdb, *options, "-D", fresh],
            env=_environment(instance.account),
            cwd=instance.directory,
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        password_file.unlink()
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise PostgresUnusable(f"initdb failed: {' '.join(last)}")
    fresh.rename(instance.data)


def check_version(instance: Instance, binaries: Binaries) -> None:
    """See that the programs are of the version that made the data.

    Raises:
        PostgresUnusable: They are not.
    """
    made_by = (instance.data / "PG_VERSION").read_text().strip()
    if made_by != str(binaries.major):
        raise PostgresUnusable(
            f"{instance.data} was made by PostgreSQL {made_by}, the programs in "
            f"{binaries.directory} are {binaries.major}; set PRODOPS_DATABASE_BIN_DIR to "
            f"those of PostgreSQL {made_by}, or move the data with pg_dumpall"
        )


def _exec_server(instance: Instance, binaries: Binaries) -> NoReturn:
    argv = [os.fspath(binaries.postgres), "-D", os.fspath(instance.data)]
    argv += ["-c", f"config_file={instance.configuration}"]
    os.chdir(instance.directory)
    os.execve(argv[0], argv, _environment(instance.account))  # noqa: S606 - no shell is wanted


def _environment(account: Account) -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin", "HOME": os.fspath(account.home), "LC_ALL": "C.UTF-8"}
