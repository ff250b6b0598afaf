"""Make a backup: both databases as they were at one moment, as far as two databases have one.

Prefect's state is the older one, by milliseconds. So a run that prodops knows may be missing at
Prefect, which the worker's sweeper settles; a run that Prefect alone knew could be taken for
another's.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, cast

import psycopg

from deployments.backup.errors import BackupFailed, BackupUnusable
from deployments.backup.manifest import DATABASES, Dump, Manifest, digest, sync, write
from deployments.backup.programs import Programs, programs_for
from deployments.backup.server import Server
from flows.common.database_errors import DatabaseUnavailable

_STATE: Final = """
    SELECT pg_export_snapshot(), now(), current_setting('server_version'),
           current_setting('server_version_num')::int / 10000, pg_database_size(current_database())
"""
_REVISION: Final = "SELECT version_num FROM alembic_version"
_NEWEST_EVENT: Final = "SELECT coalesce(max(id), 0) FROM event"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Snapshot:
    """The state of one database that is dumped; it is there as long as its connection."""

    name: str
    at: datetime
    server_version: str
    server_major: int
    database_bytes: int


def make(server: Server, destination: Path, *, bin_dir: Path | None, say: Say) -> Manifest:
    """Write a backup into a new directory; until it is whole, it has another name.

    Args:
        server: Where the databases are.
        destination: The directory, which must not be there yet.
        bin_dir: Where pg_dump is, if that is set.
        say: Is told how it goes on.

    Raises:
        BackupUnusable: There is such a directory already, or none can be made there.
        BackupFailed: A database could not be dumped.
        DatabaseUnavailable: A database cannot be reached.
    """
    with _temporary(destination) as directory:
        manifest = _fill(server, directory, bin_dir=bin_dir, say=say)
        directory.rename(destination)
    sync(destination.parent)
    return manifest


def _fill(server: Server, directory: Path, *, bin_dir: Path | None, say: Say) -> Manifest:
    with _snapshots(server) as (states, revision, newest_event_id):
        first = states[server.prodops]
        programs = programs_for(first.server_major, bin_dir)
        dumps = _dump_all(server, states, directory, programs=programs, say=say)
    manifest = Manifest(
        version=version("epic-prodops"),
        revision=revision,
        server_version=first.server_version.split()[0],
        at=first.at,
        skew_seconds=(first.at - min(each.at for each in states.values())).total_seconds(),
        newest_event_id=newest_event_id,
        databases=dict(zip(DATABASES, dumps, strict=False)),
    )
    write(directory, manifest)
    return manifest


@contextmanager
def _temporary(destination: Path) -> Iterator[Path]:
    """A private directory beside the destination; nothing of it is left after an error."""
    if destination.exists() or destination.is_symlink():
        raise BackupUnusable(f"{destination} is there already; name a new directory")
    directory = destination.with_name(f".{destination.name}.{secrets.token_hex(4)}")
    try:
        directory.mkdir(mode=0o700)
    except OSError as error:
        raise BackupUnusable(f"no backup can be made at {destination}: {error.strerror}") from error
    try:
        yield directory
    except OSError as error:
        raise BackupFailed(f"the backup cannot be written: {error.strerror}") from error
    except psycopg.Error as error:
        reason = str(error).strip().partition("\n")[0]
        raise BackupFailed(f"the databases cannot be read: {reason}") from error
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def _snapshots(server: Server) -> Iterator[tuple[dict[str, Snapshot], str, int]]:
    """A state of each database, prodops's last; its revision; and its newest event."""
    with ExitStack() as opened:
        states: dict[str, Snapshot] = {}
        for name in reversed([*server.owners]):
            connection = opened.enter_context(server.connect(server.owners[name], name))
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            states[name] = Snapshot(*_row(connection, _STATE))
        try:
            [revision], [newest] = _row(connection, _REVISION), _row(connection, _NEWEST_EVENT)
        except psycopg.errors.UndefinedTable as error:
            raise BackupUnusable(
                f"{server.prodops} was never migrated: nothing to back up"
            ) from error
        yield states, revision, newest


def _row(connection: psycopg.Connection[Any], query: str) -> tuple[Any, ...]:
    row = connection.execute(cast("Any", query)).fetchone()
    if row is None:
        raise DatabaseUnavailable(f"no answer to {query}")
    return tuple(row)


def _dump_all(
    server: Server,
    states: Mapping[str, Snapshot],
    directory: Path,
    *,
    programs: Programs,
    say: Say,
) -> list[Dump]:
    """Dump the databases side by side, in the order of the server's."""

    def dump(name: str, of: str) -> Dump:
        path, state = directory / f"{of}.dump", states[name]
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        say(f"{name}: {state.database_bytes / 1e6:.1f} MB on the server's disk")
        arguments = ["--format=custom", f"--snapshot={state.name}", f"--file={path}"]
        ended = programs.run(
            "pg_dump", arguments, environment=server.environment(server.owners[name], name)
        )
        if ended.complaint is not None:
            raise BackupFailed(f"{name} could not be dumped: {ended.complaint}")
        sync(path)
        size_bytes = path.stat().st_size
        say(f"{name}: {size_bytes / 1e6:.1f} MB written")
        return Dump(
            file=path.name,
            sha256=digest(path),
            size_bytes=size_bytes,
            database_bytes=state.database_bytes,
        )

    with ThreadPoolExecutor(max_workers=len(states)) as pool:
        return list(pool.map(dump, server.owners, DATABASES))
