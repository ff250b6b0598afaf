"""Restore a backup: beside the databases that are there, which it then takes the place of.

Until that moment nothing is changed; at it, all names change in one transaction. The former
databases are kept under names that say when.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import sql

from deployments.access import publish_access
from deployments.backup import history, manifest, obstacles
from deployments.backup.errors import RestoreFailed, RestoreRefused
from deployments.backup.manifest import DATABASES, Manifest
from deployments.backup.programs import Programs
from deployments.backup.server import Connection, Server
from deployments.schema import newest
from deployments.stack.credentials import WEB_ROLE
from flows.common import database
from flows.common.database import now

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Restored:
    """What a restore came to.

    Attributes:
        manifest: Of the backup.
        event_id: The event that announces it.
        kept: The names under which the former databases are kept.
    """

    manifest: Manifest
    event_id: int
    kept: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Restore:
    """One restore.

    Attributes:
        server: Where to.
        directory: The backup.
        bin_dir: Where pg_restore is, if that is set.
        jobs: How many tables are restored at a time.
        say: Is told how it goes on.
    """

    server: Server
    directory: Path
    bin_dir: Path | None
    jobs: int
    say: Say

    def run(self, *, is_replacing: bool, free_bytes: int | None) -> Restored:
        """Restore the backup.

        Args:
            is_replacing: Whether databases that hold something may be replaced.
            free_bytes: What is free on the server's disk; None: nobody knows.

        Raises:
            BackupUnusable: It is not whole, or not for this version or server.
            RestoreRefused: Something is in the way; nothing was done.
            RestoreFailed: It did not come to its end; the databases are as they were.
        """
        try:
            return self._run(is_replacing=is_replacing, free_bytes=free_bytes)
        except psycopg.errors.InsufficientPrivilege as error:
            raise RestoreRefused(
                f"{self.server.admin} may not make databases for others here "
                f"({_first_line(error)}); name a role that may with --admin"
            ) from error
        except psycopg.Error as error:
            raise RestoreFailed(
                f"the server did not go on ({_first_line(error)}); the databases are as they were"
            ) from error

    def _run(self, *, is_replacing: bool, free_bytes: int | None) -> Restored:
        self.say("verifying the backup")
        found = manifest.verify(self.directory)
        obstacles.require_revision(found)
        dumps = self._dumps(found)
        with self.server.connect(self.server.admin, "postgres") as admin:
            programs = obstacles.programs_of(admin, found, self.bin_dir)
            obstacles.require_room(found, free_bytes)
            obstacles.require_roles(admin, self.server)
            obstacles.require_alone(admin, [*dumps])
            if not is_replacing:
                obstacles.require_empty(admin, self.server)
            with ExitStack() as undone:
                undone.callback(_drop_fresh, admin, [*dumps])
                for name, dump in dumps.items():
                    self._fill(admin, programs, name, dump)
                event_id = self._renew(found, self._last_ids(admin))
                kept = _swap(admin, [*dumps])
                undone.pop_all()
            return Restored(manifest=found, event_id=event_id, kept=kept)

    def _dumps(self, found: Manifest) -> dict[str, Path]:
        """The dump of each database of the server.

        Raises:
            RestoreRefused: The backup has none of Prefect's.
        """
        of_each = dict(zip(self.server.owners, DATABASES, strict=False))
        if not set(of_each.values()) <= set(found.databases):
            raise RestoreRefused(
                "the backup was made without Prefect's database; --without-prefect leaves the one "
                "that is there alone"
            )
        return {name: self.directory / found.databases[of].file for name, of in of_each.items()}

    def _fill(self, admin: Connection, programs: Programs, name: str, dump: Path) -> None:
        """Restore one database under its temporary name."""
        self.say(f"restoring {name}")
        fresh = _fresh(name)
        _do(admin, "DROP DATABASE IF EXISTS {}", fresh)  # of a restore that was interrupted
        _do(
            admin, "CREATE DATABASE {} OWNER {} TEMPLATE template0", fresh, self.server.owners[name]
        )
        _do(admin, "REVOKE ALL ON DATABASE {} FROM PUBLIC", fresh)
        if name == self.server.prodops:
            _do(admin, "GRANT CONNECT ON DATABASE {} TO {}", fresh, WEB_ROLE)
        ended = programs.run(
            "pg_restore",
            [
                "--exit-on-error",
                "--no-comments",
                f"--jobs={self.jobs}",
                f"--dbname={fresh}",
                str(dump),
            ],
            environment=self.server.environment(self.server.admin, fresh),
        )
        if ended.complaint is not None:
            raise RestoreFailed(f"{name} could not be restored: {ended.complaint}")
        with self.server.connect(self.server.admin, fresh) as connection:
            connection.execute("ANALYZE")

    def _renew(self, found: Manifest, former: Mapping[str, int]) -> int:
        """Migrate what was restored, and begin its history anew; gives the event's id."""
        owner, fresh = self.server.owners[self.server.prodops], _fresh(self.server.prodops)
        url, passfile = self.server.url(owner, fresh), self.server.passfiles[owner]
        if found.revision != newest():
            self.say(f"migrating it from revision {found.revision} to {newest()}")
        database.migrate(url.render_as_string(hide_password=False), passfile)
        engine = database.make_engine(url, passfile=passfile, pool_size=1)
        try:
            with database.transaction(engine) as session:
                publish_access(session)
            with database.transaction(engine) as session:
                return history.begin_anew(session, found, former)
        finally:
            engine.dispose()

    def _last_ids(self, admin: Connection) -> dict[str, int]:
        """The last ids of the database that is replaced; empty where it is not there."""
        name = self.server.prodops
        if not obstacles.is_there(admin, name):
            return {}
        with self.server.connect(self.server.admin, name) as connection:
            return history.last_ids(connection)


def _drop_fresh(admin: Connection, names: Sequence[str]) -> None:
    """Leave nothing of what was being restored."""
    with suppress(psycopg.Error):  # the next restore drops it
        for name in names:
            _do(admin, "DROP DATABASE IF EXISTS {} WITH (FORCE)", _fresh(name))


def _swap(admin: Connection, names: Sequence[str]) -> tuple[str, ...]:
    """Give the restored databases their names; gives those that the former ones have now."""
    suffix = _suffix(now())
    present = {name for [name] in admin.execute("SELECT datname FROM pg_database")}
    formers = {name: f"{name}{suffix}" for name in names if name in present}
    try:
        with admin.transaction():
            for name in names:
                if name in formers:
                    _do(admin, "ALTER DATABASE {} RENAME TO {}", name, formers[name])
                _do(admin, "ALTER DATABASE {} RENAME TO {}", _fresh(name), name)
    except psycopg.errors.ObjectInUse as error:
        raise RestoreFailed(
            f"a part connected meanwhile ({_first_line(error)}); the databases are as "
            "they were: end every part and restore again"
        ) from error
    return tuple(formers.values())


def _first_line(error: psycopg.Error) -> str:
    return str(error).strip().partition("\n")[0]


def _fresh(name: str) -> str:
    return f"{name}_restoring"


def _suffix(at: datetime) -> str:
    return f"_before_restore_{at:%Y%m%dt%H%M%S}"


def _do(connection: Connection, statement: LiteralString, *names: str) -> None:
    """Execute a statement with these names in its places."""
    connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
