"""The entries of a tar compressed with gzip, read forward only, within bounds."""

from __future__ import annotations

import gzip
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final, Self

from flows.common.settings.storage import PayloadLogsSettings
from flows.payload_logs.errors import ArchiveBroken, ArchiveTooLarge

CHUNK_BYTES: Final = 1 << 18
_MAGIC: Final = b"\x1f\x8b"
_NO_NEXT_PART: Final = "Not a gzipped file"  # what gzip says of bytes after the last part
_MOST_HEADER_BYTES: Final = 1 << 17  # of one entry: longest names, attributes
_MALFORMED: Final = (tarfile.TarError, ValueError, OverflowError, RecursionError)


def read_entries(
    archive: Path,
    limits: PayloadLogsSettings,
    take: Callable[[tarfile.TarFile, int, tarfile.TarInfo], None],
    *,
    tick: Callable[[], Any],
) -> None:
    """Read an archive to its end, and have each entry taken, with its number from 1.

    Raises:
        ArchiveBroken: It is no such archive, or breaks off.
        ArchiveTooLarge: It has more entries, or inflates to more bytes, than the bounds allow.
    """
    with archive.open("rb") as file:
        try:
            reader: Any = _BoundedReader(file, max_bytes=limits.max_total_bytes, tick=tick)
            with tarfile.TarFile(fileobj=reader, tarinfo=_Entry) as tar:
                for number, entry in enumerate(tar, start=1):
                    if number > limits.max_members:
                        most = limits.max_members
                        raise ArchiveTooLarge(f"the archive has more than {most} entries")
                    take(tar, number, entry)
                    tar.members.clear()  # type: ignore[attr-defined] # else all stay in memory
            reader.drain()
        except _MALFORMED as error:
            raise ArchiveBroken(f"the archive is no readable tar: {error}") from error


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
        while self._piece(CHUNK_BYTES):
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
        piece = self._inflated(min(size, CHUNK_BYTES))
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
