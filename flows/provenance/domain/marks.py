"""The marks of the production team's hand script: which requests a campaign has. Pure.

It asks Rucio for ``/RECO*<campaign>*/<suffix>``, one request at a time (ops contract section 3.6).
Here the same marks come of one list of names. Differs from the sweep on purpose: a path that ends
in a slash is found by nothing, and ``26.04`` is any campaign with that in its name.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Sequence
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


def file_datasets(campaign: str, names: Iterable[str]) -> list[str]:
    """The datasets whose files are listed, for the requests that name a file."""
    return [name for name in names if name.endswith(_FILES_OF) and _has(campaign, name, _FILES_OF)]


def marked(
    campaign: str, paths: Sequence[str], names: Iterable[str], files: Iterable[str]
) -> dict[str, list[str]]:
    """The requested paths that get a mark, each with the DIDs that give it.

    Args:
        campaign: Part of the campaign's name.
        paths: Requested paths.
        names: Datasets that match :func:`pattern_of`.
        files: Files of the :func:`file_datasets`.
    """
    reconstructed = [each for each in files if each.endswith(_RECONSTRUCTED)]
    by_suffix = _by_suffix(campaign, names, {_suffix(path) for path in paths})
    found = {path: _hits(path, by_suffix, reconstructed) for path in paths}
    return {path: hits for path, hits in found.items() if hits}


def _hits(path: str, by_suffix: dict[str, list[str]], files: Sequence[str]) -> list[str]:
    suffix = _suffix(path)
    if not suffix:
        return []
    if f"{_FILES_OF}/" not in path:
        return by_suffix.get(suffix, [])
    file = path.rpartition("/")[2]
    if not file.endswith(_EVENTS):
        return []
    base = file.replace(_EVENTS, "")
    return [each for each in files if base in each]


def _by_suffix(campaign: str, names: Iterable[str], wanted: set[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for name in sorted(names):
        for at, sign in enumerate(name):
            tail = name[at + 1 :]
            if sign == "/" and tail in wanted and _has(campaign, name, f"/{tail}"):
                found[tail].append(name)
    return found


def _has(campaign: str, name: str, tail: str) -> bool:
    """Whether the campaign stands between ``/RECO`` and the tail."""
    middle = name.removeprefix("/RECO").removesuffix(tail)
    return name.startswith(_PRODUCED) and campaign in middle


def _suffix(path: str) -> str:
    return path.replace(_ROOT, "").lstrip("/") if path.startswith(_ROOT) else ""
