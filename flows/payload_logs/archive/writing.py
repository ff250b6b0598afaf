"""The files that an archive unpacks to: what is written counts, whatever it was read from."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol

from flows.common.settings.storage import PayloadLogsSettings
from flows.payload_logs.errors import ArchiveTooLarge, CacheUnwritable

_CHUNK_BYTES: Final = 1 << 18


class Readable(Protocol):
    """What bytes are read from."""

    def read(self, size: int, /) -> bytes:
        """The next bytes; none at the end."""


class Writer:
    """Writes files of mode 0644 into a private directory, within the bounds.

    The holes of a sparse entry cost nothing to read, and copies of a file that several names stand
    for are read from no archive: so the bytes that are written are bounded too, and timed.

    Args:
        directory: Private, and empty.
        limits: The bounds.
        tick: Called for each piece; may raise, to end the work.
    """

    def __init__(
        self, directory: Path, limits: PayloadLogsSettings, tick: Callable[[], Any]
    ) -> None:
        self._directory = directory
        self._limits = limits
        self._tick = tick
        self._written = 0

    def room_for(self, size_bytes: int) -> bool:
        """Whether so much more is within the bounds, in one file."""
        left = self._limits.max_total_bytes - self._written
        return size_bytes <= min(left, self._limits.max_member_bytes)

    def write(self, name: str, content: Readable) -> int:
        """Write a file; gives its size.

        Raises:
            ArchiveTooLarge: All that was written is more than may be.
            CacheUnwritable: It cannot be written.
        """
        size = 0
        try:
            with (self._directory / name).open("xb") as file:
                os.fchmod(file.fileno(), 0o644)
                while chunk := content.read(_CHUNK_BYTES):
                    self._count(len(chunk))
                    size += file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise CacheUnwritable(name, error) from error
        return size

    def copy(self, name: str, other: str) -> int:
        """Write a file once more, under another name; raises as :meth:`write`."""
        with self._path(name).open("rb") as content:
            return self.write(other, content)

    def rename(self, name: str, other: str) -> None:
        """Give a file its name."""
        self._path(name).rename(self._path(other))

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        self._path(name).unlink(missing_ok=True)

    def open(self, name: str) -> Any:
        """A file that was written, to read."""
        return self._path(name).open("rb")

    def _path(self, name: str) -> Path:
        return self._directory / name

    def _count(self, size_bytes: int) -> None:
        self._tick()
        self._written += size_bytes
        if self._written > self._limits.max_total_bytes:
            most = self._limits.max_total_bytes
            raise ArchiveTooLarge(f"the archive unpacks to more than {most} bytes")
