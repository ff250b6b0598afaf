"""What a backup says of itself: a directory with a manifest, and a dump of each database."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from deployments.backup.errors import BackupUnusable

_NAME: Final = "manifest.json"
FORMAT: Final = 1
Of = Literal["prodops", "prefect"]
DATABASES: Final[tuple[Of, ...]] = ("prodops", "prefect")
"""Of what there are dumps, in the order of :class:`deployments.backup.server.Server`."""


class Dump(BaseModel):
    """The dump of one database.

    Attributes:
        file: Its name beside the manifest.
        sha256: Of the whole file, in hexadecimal digits.
        size_bytes: Of the file.
        database_bytes: What the database took on the server's disk.
    """

    model_config = ConfigDict(frozen=True)

    file: str = Field(pattern=r"^[a-z]+\.dump$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size_bytes: int
    database_bytes: int


class Manifest(BaseModel):
    """What a backup holds, and of when.

    Attributes:
        version: Of the prodops that made it.
        revision: Of the schema.
        server_version: Of PostgreSQL, e.g. 15.3.
        at: The state that prodops's database is in.
        skew_seconds: How much older the state of Prefect's database is.
        newest_event_id: The last event in it; 0: there is none.
        databases: The dumps, by what they are of: `prodops`, `prefect`.
    """

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = FORMAT
    version: str
    revision: str
    server_version: str
    at: AwareDatetime
    skew_seconds: float
    newest_event_id: int
    databases: dict[Of, Dump]

    @property
    def server_major(self) -> int:
        """The major version of PostgreSQL."""
        return int(self.server_version.partition(".")[0])

    @property
    def database_bytes(self) -> int:
        """What the databases took on the server's disk."""
        return sum(each.database_bytes for each in self.databases.values())


def write(directory: Path, manifest: Manifest) -> None:
    """Write the manifest beside its dumps, durably."""
    path = directory / _NAME
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(manifest.model_dump_json(indent=2) + "\n")
        file.flush()
        os.fsync(file.fileno())
    sync(directory)


def read(directory: Path) -> Manifest:
    """The manifest of a backup.

    Raises:
        BackupUnusable: There is none, or none that this version reads.
    """
    path = directory / _NAME
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except OSError as error:
        raise BackupUnusable(f"{directory} is no backup: {path}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the text"
        raise BackupUnusable(f"{path} cannot be read: {where}: {first['msg']}") from error


def verify(directory: Path) -> Manifest:
    """The manifest of a backup whose dumps are as they were written.

    Raises:
        BackupUnusable: A dump is missing, truncated or altered.
    """
    manifest = read(directory)
    for dump in manifest.databases.values():
        path = directory / dump.file
        try:
            size_bytes, sha256 = path.stat().st_size, digest(path)
        except OSError as error:
            raise BackupUnusable(f"{path}: {error.strerror}") from error
        if size_bytes != dump.size_bytes:
            raise BackupUnusable(
                f"{path} has {size_bytes} bytes, and was written with {dump.size_bytes}"
            )
        if sha256 != dump.sha256:
            raise BackupUnusable(f"{path} was altered: its SHA-256 is not the manifest's")
    return manifest


def digest(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Have what was written to a file, or the names in a directory, on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
