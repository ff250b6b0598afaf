"""The zip into which the pilot puts a log that is too large for its tarball, within bounds."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, Final

from flows.payload_logs.archive.contents import Unshown, printable
from flows.payload_logs.archive.writing import Writer

_MOST_AT_ONCE: Final = 1 << 20  # of its directory, which zipfile holds in memory
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # others inflate without a bound
_ENCRYPTED: Final = 1
_BROKEN: Final = (
    zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, RuntimeError,
    OverflowError,
)  # fmt: skip


@dataclass(frozen=True)
class Zipped:
    """A known file of a zip that was written.

    Attributes:
        name: Its base name.
        path: Its path, with that of the zip.
        part: What it was written as.
    """

    name: str
    path: str
    part: str
    size_bytes: int


@dataclass(frozen=True)
class ZipContents:
    """What a zip holds.

    Attributes:
        written: Its known files.
        others: What else is in it; with a reason, where a known file could not be written.
        problem: Why it could not be read; empty where it could.
    """

    written: tuple[Zipped, ...] = ()
    others: tuple[Unshown, ...] = ()
    problem: str = ""

    @property
    def is_shown(self) -> bool:
        """Whether all of it that is known is written, and so the zip itself is not needed."""
        is_refused = any(each.reason for each in self.others)
        return bool(self.written) and not is_refused and not self.problem


def unpack_zip(part: str, path: str, names: Sequence[str], writer: Writer) -> ZipContents:
    """Write the known files of a zip.

    Args:
        part: The zip, as it was written.
        path: Its path in the archive.
        names: The base names that are known.
        writer: Writes them, as parts whose names begin with that of the zip.

    Raises:
        ArchiveTooLarge, CacheUnwritable, FetchTimedOut: As the writer does.
    """
    written: list[Zipped] = []
    others: list[Unshown] = []
    problem = ""
    try:
        with writer.open(part) as file, zipfile.ZipFile(_Bounded(file)) as content:
            for number, info in enumerate(content.infolist(), start=1):
                name = PurePosixPath(info.filename).name
                inner = f"{path}/{printable(info.filename)}"
                reason = _reason_to_refuse(info, writer) if name in names else ""
                if info.is_dir():
                    continue
                if reason or name not in names:
                    others.append(Unshown(inner, info.file_size, reason))
                    continue
                size = _write(content, info, f"{part}.{number}", writer)
                written.append(Zipped(name, inner, f"{part}.{number}", size))
    except _BROKEN as error:
        problem = f"cannot be read: {error}"
    return ZipContents(tuple(written), tuple(others), problem)


def _reason_to_refuse(info: zipfile.ZipInfo, writer: Writer) -> str:
    if info.flag_bits & _ENCRYPTED:
        return "is encrypted"
    if info.compress_type not in _METHODS:
        return "is compressed in a way that is not read here"
    if not writer.room_for(info.file_size):
        return f"has {info.file_size} bytes, which is more than is unpacked"
    return ""


def _write(content: zipfile.ZipFile, info: zipfile.ZipInfo, part: str, writer: Writer) -> int:
    try:
        with content.open(info) as file:
            return writer.write(part, file)
    except _BROKEN:
        writer.remove(part)
        raise


class _Bounded:
    """The zip's file as zipfile reads it, which takes its whole directory into memory."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.seek, self.tell = file.seek, file.tell

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        most = _MOST_AT_ONCE
        content = self._file.read(min(size, most + 1) if size >= 0 else most + 1)
        if len(content) > most:
            raise zipfile.BadZipFile("its directory is too long")
        return content
