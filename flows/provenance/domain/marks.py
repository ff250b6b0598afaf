"""The marks of the production team's hand script: which requests a campaign has. Pure.

It asks Rucio for ``/RECO*<campaign>*/<suffix>``, one request at a time (ops contract section 3.6).
Here the same marks come of one list of names. Differs from the sweep on purpose: a path that ends
in a slash is found by nothing, ``26.04`` is any campaign with that in its name, containers count
as datasets do, and ``*`` in a path stands for any text.
"""

from __future__ import annotations

import csv
import io
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from flows.common.spreadsheet import BadRow, Row, read_table

PATH: Final = "Dataset Path"
BEFORE: Final = "Priority"
_ROOT: Final = "/volatile/eic/EPIC/EVGEN"
_PRODUCED: Final = "/RECO/"
_FILES_OF: Final = "/EXCLUSIVE/UPSILON_ABCONV"
_EVENTS: Final = ".hepmc3.tree.root"
_RECONSTRUCTED: Final = ".eicrecon.edm4eic.root"
_MARK: Final = "X"
_WILD: Final = "*%"


@dataclass(frozen=True)
class RequestTable:
    """The requests, as their CSV has them, and the rows of it that cannot be used."""

    columns: tuple[str, ...]
    rows: tuple[dict[str, str], ...]
    refused: tuple[BadRow, ...] = ()
    separator: str = ","

    @property
    def paths(self) -> tuple[str, ...]:
        """Requested paths, in the order of the rows."""
        return tuple(row[PATH] for row in self.rows)


def read_requests(text: str) -> RequestTable:
    """Read the table of requests.

    Raises:
        TableUnreadable: It has no column for paths or priorities.
    """
    table = read_table(text, needed=(PATH, BEFORE))
    read = list(table.rows)
    return RequestTable(
        columns=table.columns,
        rows=tuple(row.fields for row in read if isinstance(row, Row)),
        refused=tuple(row for row in read if isinstance(row, BadRow)),
        separator=table.separator,
    )


def written(table: RequestTable, campaign: str, marked: Iterable[str]) -> str:
    """The table with the column of marks right after the priority, as CSV (lines end CR LF)."""
    column, found = f"In {campaign}?", set(marked)
    at = table.columns.index(BEFORE) + 1
    out = io.StringIO(newline="")
    columns = [*table.columns[:at], column, *table.columns[at:]]
    writer = csv.DictWriter(out, fieldnames=columns, delimiter=table.separator)
    writer.writeheader()
    writer.writerows({**row, column: _MARK if row[PATH] in found else ""} for row in table.rows)
    return out.getvalue()


def pattern_of(campaign: str) -> str:
    """What all names match that can be of the campaign."""
    return f"/RECO*{campaign}*"


def pattern_of_files(campaign: str) -> str:
    """What the collections match whose content is listed, for the requests that name a file."""
    return f"*{campaign}*{_FILES_OF}"


def names_a_file(path: str) -> bool:
    """Whether the script looks for the requested path among the content of those collections."""
    return f"{_FILES_OF}/" in path


def marked(
    campaign: str, paths: Sequence[str], names: Iterable[str], files: Iterable[str]
) -> dict[str, list[str]]:
    """The requested paths that get a mark, each with the DIDs that give it.

    Args:
        campaign: Part of the campaign's name.
        paths: Requested paths.
        names: Collections that match :func:`pattern_of`.
        files: What those that match :func:`pattern_of_files` hold.
    """
    reconstructed = [each for each in files if each.endswith(_RECONSTRUCTED)]
    listed = sorted(names)
    by_suffix = _by_suffix(campaign, listed, {_suffix(path) for path in paths})
    found = {path: _hits(path, by_suffix, reconstructed) for path in paths}
    return {path: hits for path, hits in found.items() if hits}


def _hits(path: str, by_suffix: dict[str, list[str]], files: Sequence[str]) -> list[str]:
    suffix = _suffix(path)
    if not suffix:
        return []
    if not names_a_file(path):
        return by_suffix.get(suffix, [])
    file = path.rpartition("/")[2]
    if not file.endswith(_EVENTS):
        return []
    base = file.replace(_EVENTS, "")
    return [each for each in files if base in each]


def _by_suffix(
    campaign: str, names: Sequence[str], wanted: Collection[str]
) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for name in names:
        for at, sign in enumerate(name):
            tail = name[at + 1 :]
            if sign == "/" and tail in wanted and _has(campaign, name, f"/{tail}"):
                found[tail].append(name)
    for suffix in wanted:
        if any(sign in suffix for sign in _WILD):
            like = _like(f"{_PRODUCED[:-1]}*{campaign}*/{suffix}")
            matching = [name for name in names if like.fullmatch(name)]
            found[suffix] = [name for name in matching if name.startswith(_PRODUCED)]
    return found


def _like(pattern: str) -> re.Pattern[str]:
    """The pattern as Rucio reads it: ``*`` and ``%`` stand for any text."""
    return re.compile("".join(".*" if sign in _WILD else re.escape(sign) for sign in pattern))


def _has(campaign: str, name: str, tail: str) -> bool:
    """Whether the campaign stands between ``/RECO`` and the tail."""
    middle = name.removeprefix("/RECO").removesuffix(tail)
    return name.startswith(_PRODUCED) and campaign in middle


def _suffix(path: str) -> str:
    return path.replace(_ROOT, "").lstrip("/") if path.startswith(_ROOT) else ""
