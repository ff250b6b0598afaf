"""A gzip file as the tar stream in it: read forward only, and no further than is allowed."""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final

from flows.payload_logs.errors import ArchiveBroken, ArchiveTooLarge

_CHUNK: Final = 1 << 18
_GZIP: Final = 31  # zlib's window bits for gzip: header, checksum and length are checked
_MAGIC: Final = b"\x1f\x8b"
_MOST_HEADER_BYTES: Final = 1 << 17  # of one entry: longest names, attributes


class TarStream:
    """What :class:`tarfile.TarFile` needs of a file, and what the bounds need.

    Args:
        file: The compressed file.
        max_bytes: Most that is inflated, what is skipped included.
        tick: Called for each piece that is read; may raise, to end the work.
    """

    def __init__(self, file: BinaryIO, *, max_bytes: int, tick: Callable[[], None]) -> None:
        self._file = file
        self._max_bytes = max_bytes
        self._tick = tick
        self._inflate = zlib.decompressobj(_GZIP)
        self._compressed = b""
        self._position = 0
        self._header_end: int | None = None
        if (head := file.read(len(_MAGIC))) != _MAGIC:
            raise ArchiveBroken("the archive is empty" if not head else "the archive is no gzip")
        self._compressed = head

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
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

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
        piece = b""
        while not piece and self._feed():
            piece = self._inflated(min(size, _CHUNK))
        self._position += len(piece)
        if self._position > self._max_bytes:
            raise ArchiveTooLarge(f"the archive unpacks to more than {self._max_bytes} bytes")
        if self._header_end is not None and self._position > self._header_end:
            raise ArchiveBroken("an entry's header is too long")
        return piece

    def _inflated(self, size: int) -> bytes:
        try:
            piece = self._inflate.decompress(self._compressed, size)
        except zlib.error as error:
            raise ArchiveBroken(f"the archive is damaged: {error}") from error
        self._compressed = self._inflate.unconsumed_tail
        return piece

    def _feed(self) -> bool:
        """Whether there is something to inflate, read from the file if need be."""
        if self._inflate.eof:
            return self._next_part()
        if not self._compressed:
            self._compressed = self._file.read(_CHUNK)
            if not self._compressed:
                raise ArchiveBroken("the archive breaks off")
        return True

    def _next_part(self) -> bool:
        """Go on with the next of several gzip files in one; what else follows is ignored."""
        rest = self._inflate.unused_data
        rest = rest if len(rest) >= len(_MAGIC) else rest + self._file.read(_CHUNK)
        if not rest.startswith(_MAGIC):
            return False
        self._inflate = zlib.decompressobj(_GZIP)
        self._compressed = rest
        return True
