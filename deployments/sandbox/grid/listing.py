"""Listings of what a campaign produced: per dataset its RSEs with available/total files, and sizes.

The form is that of the production team's published listings; see `read_listing`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_HEADING = re.compile(r"^=== (?P<title>.+?) ===$")
_DID = re.compile(r"^(?P<scope>[\w.-]+):(?P<name>/\S+)$")
_RSE = re.compile(r"^\s+RSE: (?P<rse>\S+)\s+Files: (?P<available>\d+)/(?P<total>\d+)\b")
_SIZE = re.compile(
    r"^\s+Total Size: (?P<number>[\d.]+) (?P<unit>[kKMGTP]?B) \((?P<files>\d+) files\)"
)
_UNITS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5}
_SUMMARY = "CAMPAIGN SUMMARY"


@dataclass(frozen=True)
class ListedDataset:
    """One dataset of a listing.

    Attributes:
        name: Its name; the scope is ``epic``.
        rses: By RSE, how many of its files are available there, and how many it has.
        files: How many files it has.
        size_bytes: The size of all of them, as precise as the listing gives it.
    """

    name: str
    rses: Mapping[str, tuple[int, int]]
    files: int
    size_bytes: int


@dataclass(frozen=True)
class Listing:
    """What a listing says: its datasets, and the headings that name none."""

    datasets: list[ListedDataset]
    skipped: tuple[str, ...]


@dataclass
class _Block:
    """The lines of one dataset, as they are read."""

    name: str
    rses: dict[str, tuple[int, int]] = field(default_factory=dict)
    files: int = 0
    size_bytes: int = 0

    def read(self, line: str) -> None:
        if found := _RSE.match(line):
            self.rses[found["rse"]] = (int(found["available"]), int(found["total"]))
        elif found := _SIZE.match(line):
            self.files = int(found["files"])
            power = _UNITS[found["unit"][:-1].upper()]
            self.size_bytes = round(float(found["number"]) * 1000**power)

    def done(self) -> ListedDataset:
        files = max([self.files, *(total for _, total in self.rses.values())])
        return ListedDataset(self.name, self.rses, files, self.size_bytes)


def parse_listing(text: str) -> list[ListedDataset]:
    """The datasets of a listing, in its order."""
    return read_listing(text).datasets


def read_listing(text: str) -> Listing:
    """Read a listing: ``=== scope:name ===``, ``RSE: … Files: a/t``, ``Total Size: … (n files)``.

    Headings that name no dataset, such as a table's rule that slipped in, are counted with what
    follows them; the summary at the end is none of them.
    """
    blocks: list[_Block] = []
    skipped: list[str] = []
    current: _Block | None = None
    for line in text.splitlines():
        heading = _HEADING.match(line)
        if heading is None:
            if current is not None:
                current.read(line)
            continue
        did = _DID.match(heading["title"])
        current = _Block(did["name"]) if did else None
        if current is not None:
            blocks.append(current)
        elif heading["title"] != _SUMMARY:
            skipped.append(heading["title"])
    return Listing([block.done() for block in blocks], tuple(skipped))
