"""What may be in the way of a restore. It is looked for before anything is done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from deployments.backup.errors import BackupUnusable, RestoreRefused
from deployments.backup.manifest import Manifest
from deployments.backup.programs import Programs, programs_for
from deployments.backup.server import Connection, Server
from deployments.schema import newest
from deployments.stack.credentials import WEB_ROLE

_CONNECTED: Final = """
    SELECT usename, coalesce(host(client_addr), 'this machine') FROM pg_stat_activity
    WHERE datname = ANY(%s) AND pid <> pg_backend_pid() AND backend_type = 'client backend'
    ORDER BY 1, 2
"""
_TABLES: Final = """
    SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')
"""
_ROLES: Final = "SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)"
_MAJOR: Final = "SELECT current_setting('server_version_num')::int / 10000"
_SPARE: Final = 1.1  # of the databases' size at the backup: what their restoring writes besides


def require_revision(found: Manifest) -> None:
    """See that the backup's schema is not newer than this version's.

    Raises:
        BackupUnusable: It is.
    """
    if found.revision > newest():
        raise BackupUnusable(
            f"the backup's schema is at revision {found.revision}, and this version of prodops is "
            f"made for {newest()}: restore it with version {found.version}, which made it, or a "
            "newer one"
        )


def programs_of(admin: Connection, found: Manifest, bin_dir: Path | None) -> Programs:
    """The programs for a server that takes the backup.

    Raises:
        BackupUnusable: The server is older than the one that it is of.
        ProgramsMissing: There are none.
    """
    [[major]] = admin.execute(_MAJOR).fetchall()
    if found.server_major > major:
        raise BackupUnusable(
            f"the backup is of PostgreSQL {found.server_version}, and the server is {major}"
        )
    return programs_for(major, bin_dir)


def require_room(found: Manifest, free_bytes: int | None) -> None:
    """See that the databases fit beside those that are there; None: nobody knows the disk.

    Raises:
        RestoreRefused: They do not.
    """
    needed = round(found.database_bytes * _SPARE)
    if free_bytes is not None and free_bytes < needed:
        raise RestoreRefused(
            f"the disk is too small: {free_bytes / 1e6:.0f} MB are free, and {needed / 1e6:.0f} MB "
            "are needed beside the databases that are there"
        )


def require_roles(admin: Connection, server: Server) -> None:
    """See that there are the roles that the dumps name.

    Raises:
        RestoreRefused: One is missing.
    """
    wanted = [*server.owners.values(), WEB_ROLE]
    present = {name for [name] in admin.execute(_ROLES, [wanted])}
    if missing := [name for name in wanted if name not in present]:
        raise RestoreRefused(
            f"the server has no role {', '.join(missing)}: make it first "
            "(docs/how-to/run-in-production.md, PostgreSQL)"
        )


def require_alone(admin: Connection, names: Sequence[str]) -> None:
    """See that nobody is connected to the databases.

    Raises:
        RestoreRefused: Parts are, by their roles and machines.
    """
    found = Counter(admin.execute(_CONNECTED, [list(names)]).fetchall())
    if found:
        said = ", ".join(f"{role} from {host} ({n})" for (role, host), n in found.items())
        raise RestoreRefused(
            f"parts are connected: {said}; end them first, on every machine (`prodops down`)"
        )


def require_empty(admin: Connection, server: Server) -> None:
    """See that the databases are not there, or have no table.

    Raises:
        RestoreRefused: One holds something.
    """
    if full := [name for name in server.owners if _is_full(admin, server, name)]:
        raise RestoreRefused(
            f"there is something in {' and '.join(full)}; with --replace the backup takes its "
            "place, and what is there is kept under another name"
        )


def _is_full(admin: Connection, server: Server, name: str) -> bool:
    if not is_there(admin, name):
        return False
    with server.connect(server.admin, name) as connection:
        [[tables]] = connection.execute(_TABLES).fetchall()
    return bool(tables)


def is_there(admin: Connection, name: str) -> bool:
    """Whether the server has a database of that name."""
    found = admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
    return found.fetchone() is not None
