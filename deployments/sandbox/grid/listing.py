"""Listings of what a campaign produced: per dataset its RSEs with available/total files, and sizes.

The form is that of the production team's published listings; see `read_listing`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_HEADING = re.compile(r"^=== (.+?) ===$", re.MULTILINE)
_DID = re.compile(r"^(?P<scope>[\w.-]+):(?P<name>/\S+)$")
_RSE = re.compile(
    r"^[ \t]+RSE: (?P<rse>\S+)[ \t]+Files: (?P<available>\d+)/(?P<total>\d+)\b", re.MULTILINE
)
_SIZE = re.compile(
    r"^[ \t]+Total Size: (?P<number>[\d.]+) (?P<unit>[kKMGTP]?B) \((?P<files>\d+) files\)",
    re.MULTILINE,
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


def parse_listing(text: str) -> list[ListedDataset]:
    """The datasets of a listing, in its order."""
    return read_listing(text).datasets


def read_listing(text: str) -> Listing:
    """Read a listing: ``=== scope:name ===``, ``RSE: … Files: a/t``, ``Total Size: … (n files)``.

    Headings that name no dataset, such as a table's rule that slipped in, are counted with what
    follows them; the summary at the end is none of them.
    """
    datasets: list[ListedDataset] = []
    skipped: list[str] = []
    _, *titles_and_texts = _HEADING.split(text)
    for title, below in zip(titles_and_texts[::2], titles_and_texts[1::2], strict=True):
        if did := _DID.match(title):
            datasets.append(_dataset(did["name"], below))
        elif title != _SUMMARY:
            skipped.append(title)
    return Listing(datasets, tuple(skipped))


def _dataset(name: str, text: str) -> ListedDataset:
    rses = {
        found["rse"]: (int(found["available"]), int(found["total"]))
        for found in _RSE.finditer(text)
    }
    files = size_bytes = 0
    for found in _SIZE.finditer(text):
        files = int(found["files"])
        power = _UNITS[found["unit"][:-1].upper()]
        size_bytes = round(float(found["number"]) * 1000**power)
    files = max([files, *(total for _, total in rses.values())])
    return ListedDataset(name, rses, files, size_bytes)
