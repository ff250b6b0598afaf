"""An archive unpacked: its known members, by base name, in a private directory.

Log members: the original's cache-payload-log.py (ops contract section 1.4.1).
"""

from __future__ import annotations

import tarfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from flows.common.settings.storage import PayloadLogsSettings
from flows.payload_logs.archive.contents import BadLink, Contents, Entry, Kind, Unshown, printable
from flows.payload_logs.archive.naming import Found, named, without_repeats
from flows.payload_logs.archive.stream import read_entries
from flows.payload_logs.archive.writing import Writer
from flows.payload_logs.archive.zips import unpack_zip
from flows.payload_logs.cache import OVERSIZED
from flows.payload_logs.errors import ArchiveTooLarge, NoKnownMember

_MOST_LISTED: Final = 100


@dataclass(frozen=True)
class Member:
    """A member that was kept: its name here, its path in the archive, its size."""

    name: str
    path: str
    size_bytes: int


@dataclass(frozen=True)
class Unpacked:
    """What is kept of an archive, and what is not.

    Attributes:
        members: In the order in which they are shown.
        unshown: What else it holds, first what has a known name; the first of it.
        unshown_count: How much there is of it.
    """

    members: tuple[Member, ...]
    unshown: tuple[Unshown, ...] = ()
    unshown_count: int = 0


def unpack(
    archive: Path, directory: Path, limits: PayloadLogsSettings, *, tick: Callable[[], Any]
) -> Unpacked:
    """Unpack the known members of an archive into a private, empty directory.

    A link within the archive stands for the file that it leads to. Of members with one base name
    the last has it, as where the original unpacks, and the earlier ones are numbered.

    Args:
        archive: A tar compressed with gzip.
        directory: Where the members go, mode 0644.
        limits: What is kept, and the bounds, which hold while the archive is read and written.
        tick: Called for each piece; may raise, to end the work.

    Raises:
        ArchiveBroken: It is no such archive, or breaks off.
        ArchiveTooLarge: It holds more than the bounds allow.
        NoKnownMember: There is nothing to keep in it.
        CacheUnwritable: A member cannot be written.
    """
    work = _Unpacking(limits, Writer(directory, limits, tick))
    read_entries(archive, limits, work.take, tick=tick)
    work.follow_links()
    if work.is_incomplete:  # a link leads to a file of another name
        read_entries(archive, limits, work.take_targets, tick=tick)
    work.open_zips()
    return work.finish()


class _Unpacking:
    """The members of one archive, written as parts first: which has a name shows at the end."""

    def __init__(self, limits: PayloadLogsSettings, writer: Writer) -> None:
        self._limits = limits
        self._writer = writer
        self._contents = Contents()
        self._known: list[Entry] = []
        self._zips: list[Entry] = []
        self._sizes: dict[str, int] = {}  # of the parts that are written
        self._found: list[Found] = []
        self._from_zips: list[Found] = []
        self._unshown: list[Unshown] = []
        self._targets: set[int] = set()

    # ------------------------------------------------------------------ reading

    def take(self, tar: tarfile.TarFile, number: int, info: tarfile.TarInfo) -> None:
        """Take note of an entry, and write it where it has a known name."""
        entry = self._contents.add(number, info)
        if entry.name in self._limits.members:
            self._known.append(entry)
            if entry.kind is Kind.FILE:
                self._write(tar, info, entry)
        elif entry.name == OVERSIZED and entry.kind is Kind.FILE:
            if self._writer.room_for(entry.size_bytes):
                self._zips.append(entry)
                self._write(tar, info, entry)
            else:
                self._unshown.append(entry.unshown("is too large to be unpacked"))

    def follow_links(self) -> None:
        """Find what each known entry stands for."""
        for entry in self._known:
            try:
                source = self._contents.source_of(entry)
            except BadLink as problem:
                self._unshown.append(entry.unshown(str(problem)))
                continue
            self._found.append(Found(entry.name, printable(entry.path), _part_of(source)))
            if _part_of(source) not in self._sizes:
                self._targets.add(source.number)

    @property
    def is_incomplete(self) -> bool:
        """Whether links lead to what was not written."""
        return bool(self._targets)

    def take_targets(self, tar: tarfile.TarFile, number: int, info: tarfile.TarInfo) -> None:
        """Write an entry that a link leads to."""
        if number in self._targets:
            self._write(tar, info, Entry(number, info.name, info.size, Kind.FILE))

    def _write(self, tar: tarfile.TarFile, info: tarfile.TarInfo, entry: Entry) -> None:
        if info.size > (most := self._limits.max_member_bytes):
            name = printable(entry.name)
            raise ArchiveTooLarge(f"the member {name} has {info.size} bytes; {most} are taken")
        content = tar.extractfile(info)
        assert content is not None  # noqa: S101 - it is a regular file
        part = _part_of(entry)
        self._sizes[part] = self._writer.write(part, content)

    # ------------------------------------------------------------------ zips

    def open_zips(self) -> None:
        """Write what is known of each zip; one that is not all shown is kept, to be taken away."""
        for entry in self._zips:
            part, path = _part_of(entry), printable(entry.path)
            opened = unpack_zip(part, path, self._limits.members, self._writer)
            self._unshown += opened.others
            for each in opened.written:
                self._sizes[each.part] = each.size_bytes
                self._from_zips.append(Found(each.name, each.path, each.part))
            if opened.problem:
                self._unshown.append(entry.unshown(opened.problem))
            if not opened.is_shown:
                self._from_zips.append(Found(OVERSIZED, path, part))

    # ------------------------------------------------------------------ names

    def finish(self) -> Unpacked:
        """Give the parts their names, and remove those that nothing stands for.

        Raises:
            NoKnownMember: There are none.
        """
        # First, so that the tarball's own have the plain names, as where the original unpacks.
        found = without_repeats([*self._from_zips, *self._found])
        unshown = sorted([*self._unshown, *self._others(found)], key=lambda each: not each.reason)
        if not found:
            raise NoKnownMember(unshown[:_MOST_LISTED], len(unshown))
        members = tuple(self._placed(found))
        return Unpacked(members, tuple(unshown[:_MOST_LISTED]), len(unshown))

    def _others(self, found: list[Found]) -> Iterator[Unshown]:
        """What has no known name, and stands behind none."""
        shown = {each.part for each in found}
        for entry in self._contents:
            is_zip = entry.name == OVERSIZED and entry.kind is Kind.FILE  # noted where it is read
            is_known = is_zip or entry.name in self._limits.members
            if not is_known and entry.kind is not Kind.DIRECTORY and _part_of(entry) not in shown:
                yield entry.unshown()

    def _placed(self, found: list[Found]) -> Iterator[Member]:
        """The members, in the order in which they are shown."""
        uses = Counter(each.part for each in found)
        order = [*self._limits.members, OVERSIZED]
        ordered = sorted(named(found), key=lambda each: (order.index(each[0].name), len(each[1])))
        for each, name in ordered:
            uses[each.part] -= 1
            place = self._writer.copy if uses[each.part] else self._writer.rename
            place(each.part, name)
            yield Member(name, each.path, self._sizes[each.part])
        for part in self._sizes:
            self._writer.remove(part)


def _part_of(entry: Entry) -> str:
    return f".{entry.number}"
