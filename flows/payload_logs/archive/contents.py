"""What an archive holds, by path, and which file a link in it stands for. Pure."""

from __future__ import annotations

import posixpath
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, Self

from blocks.errors import ProdOpsError

_LONGEST_PATH: Final = 4096  # no file system has a longer one; so many entries fit into memory
_MOST_SHOWN: Final = 300


class BadLink(ProdOpsError):
    """A link leads out of the archive, to nothing, or to something that is no regular file."""


class Kind(Enum):
    """What an entry is, as far as it matters here."""

    FILE = auto()
    LINK = auto()
    DIRECTORY = auto()
    OTHER = auto()


@dataclass(frozen=True)
class Unshown:
    """Something in the archive that is not shown; a reason where its name is a known one."""

    path: str
    size_bytes: int
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.path} {self.reason}".rstrip()


@dataclass(frozen=True)
class Entry:
    """An entry of an archive.

    Attributes:
        number: Its position in the archive, from 1.
        path: Its name in the archive.
        target: The path in the archive that a link leads to.
        former: What a hard link stands for: the entry that had its target's path before it.
    """

    number: int
    path: str
    size_bytes: int
    kind: Kind
    target: str = ""
    former: Self | None = None

    @property
    def name(self) -> str:
        """Its base name."""
        return posixpath.basename(self.path.rstrip("/"))

    def unshown(self, reason: str = "") -> Unshown:
        """The entry, as one that is not shown."""
        return Unshown(printable(self.path), self.size_bytes, reason)


class Contents:
    """The entries of an archive; of two with one path the later replaces the earlier, as in tar."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._by_path: dict[str, Entry] = {}

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    def add(self, number: int, info: tarfile.TarInfo) -> Entry:
        """Note the next entry."""
        entry = self._entry(number, info)
        self._entries.append(entry)
        if len(entry.path) < _LONGEST_PATH:
            self._by_path[_normal(entry.path)] = entry
        return entry

    def source_of(self, entry: Entry) -> Entry:
        """The regular file that an entry is, or leads to within the archive.

        Raises:
            BadLink: There is none; says why.
        """
        passed: set[int] = set()
        present = entry
        while present.kind is Kind.LINK:
            if present.number in passed:
                raise BadLink("is a link that leads back to itself")
            passed.add(present.number)
            found = present.former or self._by_path.get(present.target)
            if found is None:
                raise BadLink(_why_absent(present.target))
            present = found
        if present.kind is not Kind.FILE:
            link = f"is a link to {printable(present.path)}, which " if passed else ""
            raise BadLink(f"{link}is no regular file")
        return present

    def _entry(self, number: int, info: tarfile.TarInfo) -> Entry:
        path = info.name[-_LONGEST_PATH:]
        if info.issym():
            folder = posixpath.dirname(info.name.rstrip("/"))
            target = _normal(posixpath.join(folder, info.linkname))
            return Entry(number, path, 0, Kind.LINK, target[:_LONGEST_PATH])
        if info.islnk():
            target = _normal(info.linkname)
            former = self._by_path.get(target)
            return Entry(number, path, 0, Kind.LINK, target[:_LONGEST_PATH], former)
        kind = Kind.FILE if info.isreg() else Kind.DIRECTORY if info.isdir() else Kind.OTHER
        return Entry(number, path, info.size, kind)


def printable(name: str) -> str:
    """The name as text that can be kept and shown; of a long one the end, where the name is."""
    text = name.encode("utf-8", "backslashreplace").decode()
    shown = "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)
    return shown if len(shown) <= _MOST_SHOWN else f"…{shown[1 - _MOST_SHOWN :]}"


def _normal(path: str) -> str:
    """One spelling for each path: `./a`, `b/../a` and `a` are the same."""
    normal = posixpath.normpath(path)
    return f"/{normal.lstrip('/')}" if normal.startswith("/") else normal


def _why_absent(target: str) -> str:
    shown = printable(target)
    if target.startswith(("/", "../")) or target == "..":
        return f"is a link out of the archive, to {shown}"
    return f"is a link to {shown}, which is not in the archive"
