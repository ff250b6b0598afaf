"""Payload logs for the sandbox: tar balls made, put at doors, and registered in the catalogue."""

from __future__ import annotations

import io
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from deployments.sandbox.grid import catalogue
from deployments.sandbox.grid.grid import Grid

_WRITE_SCOPE = """
INSERT INTO scopes (scope, account, is_default, status, created_at, updated_at)
VALUES (%s, 'root', false, 'O', %s, %s) ON CONFLICT DO NOTHING
"""
_WRITE_DID = """
INSERT INTO dids (scope, name, account, did_type, monotonic, hidden, obsolete, is_new,
                  availability, suppressed, bytes, adler32, purge_replicas, transient,
                  created_at, updated_at)
VALUES (%(scope)s, %(name)s, 'root', 'F', false, false, false, true, 'A', false, %(size)s,
        %(adler32)s, true, false, %(now)s, %(now)s)
ON CONFLICT (scope, name) DO UPDATE SET bytes = %(size)s, adler32 = %(adler32)s,
                                        updated_at = %(now)s
"""
_WRITE_REPLICA = """
INSERT INTO replicas (rse_id, scope, name, bytes, adler32, state, lock_cnt, created_at, updated_at)
VALUES (%(rse_id)s, %(scope)s, %(name)s, %(size)s, %(adler32)s, %(state)s, 0, %(now)s, %(now)s)
"""


class ReplicaState(StrEnum):
    """Rucio's states of a replica, by its letters."""

    AVAILABLE = "A"
    UNAVAILABLE = "U"
    COPYING = "C"
    BEING_DELETED = "B"
    BAD = "D"
    TEMPORARY_UNAVAILABLE = "T"


@dataclass(frozen=True)
class Log:
    """A payload log in the catalogue.

    Attributes:
        scope: Its scope.
        lfn: Its name.
        size_bytes: Its size, as the catalogue says.
        adler32: Its checksum, as the catalogue says.
        content: The bytes at its doors.
    """

    scope: str
    lfn: str
    size_bytes: int
    adler32: str
    content: bytes


def archive(members: Mapping[str, bytes]) -> bytes:
    """A gzip tar ball of these members, as the pilot makes one of a job's directory."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz", compresslevel=1) as tar:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return written.getvalue()


def make_log(
    grid: Grid,
    *,
    scope: str,
    lfn: str,
    members: Mapping[str, bytes] | None = None,
    content: bytes | None = None,
    rses: tuple[str, ...] | Mapping[str, ReplicaState | str] = ("BNL-XRD",),
    size_bytes: int | None = None,
    adler32: str | None = None,
    is_stored: bool = True,
) -> Log:
    """Make a log, put it at the doors, and register it; one of that name is replaced.

    Args:
        grid: The grid, running.
        scope: A scope; one that is not there is made.
        lfn: Its name; it need not begin with a slash, as PanDA's do not.
        members: What the tar ball holds; without `content`.
        content: The ready bytes, for a tar ball that is none.
        rses: RSEs that have it, or each with the state of its replica.
        size_bytes: A size to register instead of the true one.
        adler32: A checksum to register instead of the true one.
        is_stored: Whether the bytes are put at the doors, or are missing there.
    """
    packed = archive(members or {}) if content is None else content
    log = Log(
        scope,
        lfn,
        len(packed) if size_bytes is None else size_bytes,
        f"{zlib.adler32(packed):08x}" if adler32 is None else adler32,
        packed,
    )
    states = rses if isinstance(rses, Mapping) else dict.fromkeys(rses, ReplicaState.AVAILABLE)
    for rse in states:
        grid.ensure_rse(rse)
        if is_stored:
            grid.put(rse, lfn, packed)
    register(grid, log, states)
    return log


def register(grid: Grid, log: Log, states: Mapping[str, str]) -> None:
    """Write a log's rows: Rucio's REST API refuses names without a slash under the EIC policy."""
    now = datetime.now(UTC).replace(tzinfo=None)
    file = {"scope": log.scope, "name": log.lfn, "size": log.size_bytes, "adler32": log.adler32}
    with grid.connect() as connection:
        connection.execute(_WRITE_SCOPE, [log.scope, now, now])
        connection.execute(_WRITE_DID, {**file, "now": now})
        connection.execute("DELETE FROM replicas WHERE scope = %(scope)s AND name = %(name)s", file)
        known = catalogue.known_rses(connection)
        for rse, state in states.items():
            place = {"rse_id": known[rse][0], "state": str(state), "now": now}
            connection.execute(_WRITE_REPLICA, file | place)
