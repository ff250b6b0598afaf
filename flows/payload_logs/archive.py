"""The archive of a payload log: its known members, unpacked within bounds, by base name only.

Log members: the original's cache-payload-log.py (ops contract section 1.4.1).
"""

from __future__ import annotations

import os
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final, Self

from flows.payload_logs.errors import (
    ArchiveBroken,
    ArchiveTooLarge,
    CacheUnwritable,
    NoKnownMember,
)
from flows.payload_logs.inflation import TarStream

_CHUNK: Final = 1 << 20
_MOST_TOLD: Final = 20
_MOST_PATH: Final = 300
_MALFORMED: Final = (tarfile.TarError, EOFError, ValueError, OverflowError, RecursionError)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What is kept of an archive, and how much may be in it.

    Attributes:
        names: Base names of the members that are kept.
        max_member_bytes: Largest member that is kept.
        max_total_bytes: Most that the archive may unpack to, what is not kept included.
        max_members: Most entries of any kind.
    """

    names: tuple[str, ...]
    max_member_bytes: int
    max_total_bytes: int
    max_members: int


@dataclass(frozen=True)
class Member:
    """A member that was kept: its name here, its path in the archive, its size."""

    name: str
    path: str
    size_bytes: int


@dataclass(frozen=True)
class Unpacked:
    """What was kept, and which entries of a known name were not, with the reason."""

    members: tuple[Member, ...]
    refused: tuple[str, ...]


def unpack(archive: Path, directory: Path, limits: Limits, *, tick: Callable[[], None]) -> Unpacked:
    """Unpack the known members of an archive into a private, empty directory.

    Args:
        archive: A tar compressed with gzip.
        directory: Where the members go, mode 0644.
        limits: What is kept, and the bounds, which hold while the archive is read.
        tick: Called for each piece; may raise, to end the work.

    Raises:
        ArchiveBroken: It is no such archive, or breaks off.
        ArchiveTooLarge: It holds more than the bounds allow.
        NoKnownMember: There is nothing to keep in it.
        CacheUnwritable: A member cannot be written.
    """
    unpacking = _Unpacking(directory, limits)
    with archive.open("rb") as file:
        try:
            _read(TarStream(file, max_bytes=limits.max_total_bytes, tick=tick), unpacking)
        except _MALFORMED as error:
            raise ArchiveBroken(f"the archive is no readable tar: {error}") from error
    if not unpacking.members:
        raise NoKnownMember(unpacking.refused)
    return Unpacked(tuple(unpacking.members), tuple(unpacking.refused))


class _Entry(tarfile.TarInfo):
    """An entry whose headers are bounded, and are an error where they are broken."""

    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> Self:
        """Read the next entry's headers."""
        stream: Any = tarfile_.fileobj
        try:
            with stream.header():
                return super().fromtarfile(tarfile_)
        except (tarfile.InvalidHeaderError, tarfile.TruncatedHeaderError) as error:  # type: ignore[attr-defined]
            # In the middle of an archive, tarfile takes it for the end.
            raise tarfile.ReadError(str(error)) from error


def _read(stream: TarStream, unpacking: _Unpacking) -> None:
    source: Any = stream
    most = unpacking.limits.max_members
    with tarfile.TarFile(fileobj=source, tarinfo=_Entry) as tar:
        for number, entry in enumerate(tar, start=1):
            if number > most:
                raise ArchiveTooLarge(f"the archive has more than {most} entries")
            unpacking.take(tar, entry)
    stream.drain()


@dataclass
class _Unpacking:
    directory: Path
    limits: Limits
    members: list[Member] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def take(self, tar: tarfile.TarFile, entry: tarfile.TarInfo) -> None:
        """Keep the entry, if it is one that is kept."""
        path = PurePosixPath(entry.name)
        if path.name not in self.limits.names:
            return
        if (reason := _reason_to_refuse(entry, path)) is not None:
            if len(self.refused) < _MOST_TOLD:
                self.refused.append(f"{_printable(entry.name)} {reason}")
            return
        if entry.size > self.limits.max_member_bytes:
            raise ArchiveTooLarge(
                f"the member {path.name} has {entry.size} bytes; "
                f"{self.limits.max_member_bytes} are taken"
            )
        name = self._free_name(path.name)
        content = tar.extractfile(entry)
        assert content is not None  # noqa: S101 - it is a regular file
        size = _write(self.directory / name, content)
        self.members.append(Member(name, _printable(entry.name), size))

    def _free_name(self, name: str) -> str:
        """The name, numbered where a member of that name was kept already."""
        taken = {each.name for each in self.members}
        numbered = (f"{name}.{number}" for number in range(2, len(taken) + 3))
        return next(each for each in (name, *numbered) if each not in taken)


def _reason_to_refuse(entry: tarfile.TarInfo, path: PurePosixPath) -> str | None:
    if not entry.isreg():
        return "is no regular file"
    if path.is_absolute():
        return "is an absolute path"
    return "climbs out of the archive" if ".." in path.parts else None


def _write(path: Path, content: IO[bytes]) -> int:
    written = 0
    try:
        with path.open("xb") as file:
            os.fchmod(file.fileno(), 0o644)
            while chunk := content.read(_CHUNK):
                written += file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise CacheUnwritable(path.name, error) from error
    return written


def _printable(name: str) -> str:
    """The name as text that can be kept and shown."""
    text = name.encode("utf-8", "backslashreplace").decode()
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)[:_MOST_PATH]
