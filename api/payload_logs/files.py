"""The members of a payload log in the cache, opened together, so that one fetch is read whole.

A newer fetch may take the directory's place at any moment (ops contract sections 1.4.2 and 6.4).
"""

from __future__ import annotations

import codecs
import io
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from flows.common.settings import Settings
from flows.payload_logs import cache
from flows.payload_logs.cache import OVERSIZED
from flows.payload_logs.models import PayloadLog

FIRST: Final = ("payload.stdout", "payload.stderr", "pilotlog.txt", "pandatracerlog.txt")
"""The members in the order in which they are shown; others come after them, by name."""
EMPTY: Final = b"(log cached but empty)"
CHUNK_BYTES: Final = 256 * 1024
_TRIES: Final = 8


@dataclass(frozen=True)
class Member:
    """One file of a log, open to read."""

    name: str
    size_bytes: int
    modified_at: int
    file: io.FileIO

    @property
    def is_text(self) -> bool:
        """Whether it can be read as text; the pilot's zip can only be downloaded."""
        return not self.name.startswith(OVERSIZED)

    def chunks(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Its bytes from `start` up to `stop`, by default all."""
        end = self.size_bytes if stop is None else stop
        while start < end:
            chunk = os.pread(self.file.fileno(), min(CHUNK_BYTES, end - start), start)
            if not chunk:
                return
            start += len(chunk)
            yield chunk


@dataclass(frozen=True)
class OpenLog:
    """All members of one fetch, open to read.

    Attributes:
        members: In the order in which they are shown.
        version: Another for each fetch.
    """

    members: tuple[Member, ...]
    version: str

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the files."""
        for member in self.members:
            member.file.close()

    def member(self, name: str) -> Member | None:
        """The member of that name; no other file can be named."""
        return next((each for each in self.members if each.name == name), None)

    @property
    def size_bytes(self) -> int:
        """The size of all members."""
        return sum(each.size_bytes for each in self.members)


def open_of(row: PayloadLog | None, settings: Settings) -> OpenLog | None:
    """Open the log of a row; None where it is not in the cache. Whoever takes it closes it."""
    directory = cache.directory_for(row, settings)
    return open_log(directory, row) if directory is not None else None


def open_log(directory: Path, row: PayloadLog | None = None) -> OpenLog | None:
    """Open the log of `directory`; None where there is none, or not all that was published.

    Where a newer fetch takes its place meanwhile, it is the newer one, or the older one, whole.
    """
    for _ in range(_TRIES):
        try:
            opened = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            return None
        try:
            log, is_whole = _open_in(opened, row)
        except OSError:  # no `.done`: nothing is there, or what was there has just been replaced
            if _is_still(directory, opened):
                return None
            continue
        finally:
            os.close(opened)
        if is_whole:
            return log
        log.close()  # the newer fetch has just removed a member, or it is gone for good
    return None


def _open_in(opened: int, row: PayloadLog | None) -> tuple[OpenLog, bool]:
    with _open_file(opened, cache.DONE) as file:
        mark = os.fstat(file.fileno())
        names = cache.names_in(file.readall().decode(errors="replace"))
    found = tuple(each for name in sorted(names, key=_rank) if (each := _open_member(opened, name)))
    sizes = {each.name: each.size_bytes for each in found}
    version = f"{mark.st_ino:x}-{mark.st_mtime_ns:x}"
    return OpenLog(found, version), cache.is_published(names, sizes, _origin_in(opened), row)


def _origin_in(opened: int) -> dict[str, Any]:
    try:
        with _open_file(opened, cache.ORIGIN) as file:
            return cache.origin_in(file.readall())
    except OSError:
        return {}


def _open_file(opened: int, name: str) -> io.FileIO:
    """Open a regular file of the directory.

    Raises:
        OSError: There is none.
    """
    # A FIFO would block, a link would lead elsewhere: neither is a member.
    number = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=opened)
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise FileNotFoundError(name)
    return io.FileIO(number)


def _open_member(opened: int, name: str) -> Member | None:
    try:
        file = _open_file(opened, name)
    except OSError:
        return None
    facts = os.fstat(file.fileno())
    return Member(name, facts.st_size, int(facts.st_mtime), file)


def _rank(name: str) -> tuple[int, str]:
    return (FIRST.index(name) if name in FIRST else len(FIRST), name)


def _is_still(directory: Path, opened: int) -> bool:
    with suppress(OSError):
        now, then = directory.stat(), os.fstat(opened)
        return (now.st_dev, now.st_ino) == (then.st_dev, then.st_ino)
    return True


def as_utf8(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same text as good UTF-8; what cannot be decoded becomes U+FFFD."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    for chunk in chunks:
        if chunk.isascii() and not decoder.getstate()[0]:
            yield chunk
        else:
            yield decoder.decode(chunk).encode()
    yield decoder.decode(b"", final=True).encode()
