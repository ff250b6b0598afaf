"""The archive of a payload log: its known members, unpacked within bounds, by base name only.

Log members: the original's cache-payload-log.py (ops contract section 1.4.1).
"""

from __future__ import annotations

import gzip
import os
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any, BinaryIO, Final, Self

from flows.common.settings.storage import PayloadLogsSettings
from flows.payload_logs.errors import (
    ArchiveBroken,
    ArchiveTooLarge,
    CacheUnwritable,
    NoKnownMember,
)

_CHUNK: Final = 1 << 18
_MAGIC: Final = b"\x1f\x8b"
_NO_NEXT_PART: Final = "Not a gzipped file"  # what gzip says of bytes after the last part
_MOST_HEADER_BYTES: Final = 1 << 17  # of one entry: longest names, attributes
_MOST_REFUSED: Final = 20
_MOST_PATH: Final = 300
_MALFORMED: Final = (tarfile.TarError, ValueError, OverflowError, RecursionError)


@dataclass(frozen=True)
class Member:
    """A member that was kept: its name here, its path in the archive, its size."""

    name: str
    path: str
    size_bytes: int


def unpack(
    archive: Path, directory: Path, limits: PayloadLogsSettings, *, tick: Callable[[], Any]
) -> Unpacked:
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
    unpacked = Unpacked(directory, limits)
    with archive.open("rb") as file:
        try:
            reader: Any = _BoundedReader(file, max_bytes=limits.max_total_bytes, tick=tick)
            with tarfile.TarFile(fileobj=reader, tarinfo=_Entry) as tar:
                for number, entry in enumerate(tar, start=1):
                    if number > limits.max_members:
                        most = limits.max_members
                        raise ArchiveTooLarge(f"the archive has more than {most} entries")
                    unpacked.take(tar, entry)
            reader.drain()
        except _MALFORMED as error:
            raise ArchiveBroken(f"the archive is no readable tar: {error}") from error
    if not unpacked.members:
        raise NoKnownMember(unpacked.refused)
    return unpacked


class _Entry(tarfile.TarInfo):
    """An entry whose headers are bounded, and are an error where they are broken."""

    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> Self:
        """Read the next entry's headers."""
        reader: Any = tarfile_.fileobj
        try:
            with reader.header():
                return super().fromtarfile(tarfile_)
        except (tarfile.InvalidHeaderError, tarfile.TruncatedHeaderError) as error:  # type: ignore[attr-defined]
            # In the middle of an archive, tarfile takes it for the end.
            raise tarfile.ReadError(str(error)) from error


class _BoundedReader:
    """A gzip file as :class:`tarfile.TarFile` reads it: forward only, and only within the bounds.

    Args:
        file: The compressed file.
        max_bytes: Most that is inflated, what is skipped included.
        tick: Called for each piece that is read; may raise, to end the work.
    """

    def __init__(self, file: BinaryIO, *, max_bytes: int, tick: Callable[[], Any]) -> None:
        self._max_bytes = max_bytes
        self._tick = tick
        self._position = 0
        self._header_end: int | None = None
        if (head := file.read(len(_MAGIC))) != _MAGIC:
            raise ArchiveBroken("the archive is empty" if not head else "the archive is no gzip")
        file.seek(0)
        self._source = gzip.GzipFile(fileobj=file)

    def tell(self) -> int:
        """Bytes that were inflated."""
        return self._position

    def seek(self, position: int) -> int:
        """Go forward.

        Raises:
            ReadError: It lies behind.
        """
        if position < self._position:
            raise tarfile.ReadError("an entry begins within another")
        while self._position < position and self._piece(position - self._position):
            pass
        return self._position

    def read(self, size: int) -> bytes:
        """The next bytes; fewer only at the end.

        Raises:
            ArchiveBroken: The file breaks off, or was damaged.
            ArchiveTooLarge: More is inflated than may be.
        """
        pieces = []
        while size > 0 and (piece := self._piece(size)):
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)

    def drain(self) -> None:
        """Read to the end, which checks the last checksum."""
        while self._piece(_CHUNK):
            pass

    @contextmanager
    def header(self) -> Iterator[None]:
        """Bound what is read within: tarfile keeps an entry's headers in memory."""
        outer = self._header_end
        if outer is None:
            self._header_end = self._position + _MOST_HEADER_BYTES
        try:
            yield
        finally:
            self._header_end = outer

    def _piece(self, size: int) -> bytes:
        self._tick()
        piece = self._inflated(min(size, _CHUNK))
        self._position += len(piece)
        if self._position > self._max_bytes:
            raise ArchiveTooLarge(f"the archive unpacks to more than {self._max_bytes} bytes")
        if self._header_end is not None and self._position > self._header_end:
            raise ArchiveBroken("an entry's header is too long")
        return piece

    def _inflated(self, size: int) -> bytes:
        try:
            return self._source.read1(size)
        except EOFError as error:
            raise ArchiveBroken("the archive breaks off") from error
        except (gzip.BadGzipFile, zlib.error) as error:
            if str(error).startswith(_NO_NEXT_PART):
                return b""  # as gzip itself, which ignores what follows
            raise ArchiveBroken(f"the archive is damaged: {error}") from error


@dataclass
class Unpacked:
    """What is kept of an archive, and which entries of a known name are not, with the reason."""

    directory: Path
    limits: PayloadLogsSettings
    members: list[Member] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def take(self, tar: tarfile.TarFile, entry: tarfile.TarInfo) -> None:
        """Keep the entry, if it is one that is kept."""
        path = PurePosixPath(entry.name)
        if path.name not in self.limits.members:
            return
        if (reason := _reason_to_refuse(entry, path)) is not None:
            if len(self.refused) < _MOST_REFUSED:
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
