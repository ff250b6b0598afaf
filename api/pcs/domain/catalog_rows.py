"""The rows of a requests' catalog (`datasets.csv`): read, checked, each with its line. Pure.

Columns: ops contract section 2.4 and the public request table of ePIC's production group.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from api.pcs.domain.names import short_hash
from api.pcs.domain.value_forms import TASK_NAME, shown
from blocks.errors import ProdOpsError
from flows.common.spreadsheet import BadRow, Row, read_table

PATH: Final = "Dataset Path"
_PREFIX: Final = "/volatile/eic/EPIC/"
_FLAGS: Final = {"yes": True, "no": False, "maybe": False, "": False}
_EVENTS: Final = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)\s*([kMG]?)", re.ASCII)
_POWERS: Final = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9}
_MAX_TEXT: Final = 20_000


class RowRefused(ProdOpsError):
    """A row cannot be imported, for the reason given."""


@dataclass(frozen=True, kw_only=True)
class CatalogRow:
    """A request, as its row has it. `raw` holds the row's own texts."""

    line: int
    raw: Mapping[str, str]
    path: str
    gen_version: str
    requestor: str
    priority: int | None
    nevents: int | None
    background: str
    new_request: bool
    pre_tdr_use: bool
    early_science_use: bool
    other_use: str
    description: str

    @property
    def import_name(self) -> str:
        """What the row is known by, however often it is imported."""
        return f"csv_import.{short_hash(f'{self.path}|{self.gen_version}')}"

    def import_name_in(self, campaign: str) -> str:
        """What it is known by in a campaign that was not the first for which it was imported."""
        return f"csv_import.{short_hash(f'{self.path}|{self.gen_version}|{campaign}')}"

    @property
    def task_name(self) -> str:
        """The path below the production area; the import's name where it is elsewhere."""
        if not self.path.startswith(_PREFIX):
            return self.import_name
        return self.path.removeprefix(_PREFIX).rstrip("/")


@dataclass(frozen=True)
class Catalog:
    """What separates the fields of a catalog, as a word, and its rows."""

    separated_by: str
    rows: Iterator[CatalogRow | BadRow]


def read_catalog(text: str) -> Catalog:
    """The catalog, with each of its rows good or refused.

    Raises:
        TableUnreadable: It has no header with the path's column.
    """
    table = read_table(text, needed=(PATH,))
    return Catalog(table.separated_by, _read_rows(table.rows))


def _read_rows(rows: Iterable[Row | BadRow]) -> Iterator[CatalogRow | BadRow]:
    seen: dict[str, int] = {}
    for each in rows:
        if isinstance(each, BadRow):
            yield each
            continue
        try:
            row = _row(each)
        except RowRefused as error:
            yield BadRow(each.line, str(error))
            continue
        first = seen.setdefault(row.import_name, row.line)
        yield row if first == row.line else BadRow(row.line, f"says the same as line {first}")


def _row(row: Row) -> CatalogRow:
    # Whoever sends a file's text may have read it with other line ends: they make no difference.
    raw = {
        name: field.strip().replace("\r\n", "\n").replace("\r", "\n")
        for name, field in row.fields.items()
    }
    for name, field in raw.items():
        if len(field) > _MAX_TEXT:
            raise RowRefused(f"{name}: is longer than {_MAX_TEXT} characters")
    return CatalogRow(
        line=row.line,
        raw=raw,
        path=_path(raw),
        gen_version=_short(raw, "Generator/Dataset Version", 1000),
        requestor=_short(raw, "DSC or PWG", 100),
        priority=_priority(raw),
        nevents=_nevents(raw),
        background=_short(raw, "Background", 200),
        new_request=_flag(raw, "New Request"),
        pre_tdr_use=_flag(raw, "Pre-TDR Use"),
        early_science_use=_flag(raw, "Early Science Use"),
        other_use=raw.get("Other Use", ""),
        description=raw.get("Description", ""),
    )


def _path(raw: Mapping[str, str]) -> str:
    path = raw[PATH]
    if not path:
        raise RowRefused(f"{PATH}: is empty")
    if why := TASK_NAME.problem(path.removeprefix(_PREFIX).removeprefix("/")):
        raise RowRefused(f"{PATH}: {why}")
    if {"", ".", ".."} & set(path.strip("/").split("/")):
        raise RowRefused(f"{PATH}: has an empty, . or .. part: {shown(path)}")
    return path


def _short(raw: Mapping[str, str], name: str, most: int) -> str:
    text = raw.get(name, "")
    if len(text) > most or not text.isprintable():
        raise RowRefused(f"{name}: must be one line of at most {most} characters: {shown(text)}")
    return text


def _flag(raw: Mapping[str, str], name: str) -> bool:
    text = raw.get(name, "")
    if text.lower() not in _FLAGS:
        raise RowRefused(f"{name}: must be Yes, No, Maybe or empty, not {shown(text)}")
    return _FLAGS[text.lower()]


def _priority(raw: Mapping[str, str]) -> int | None:
    text = raw.get("Priority", "")
    if text and not re.fullmatch(r"-?[0-9]{1,6}", text, re.ASCII):
        raise RowRefused(f"Priority: must be a whole number, not {shown(text)}")
    return int(text) if text else None


def _nevents(raw: Mapping[str, str]) -> int | None:
    text = raw.get("Number of Events", "").replace(",", "")
    if not text:
        return None
    found = _EVENTS.fullmatch(text)
    count = Decimal(found[1]) * _POWERS[found[2]] if found else None
    if count is None or count != int(count):
        raise RowRefused(f"Number of Events: must be like 400000, 400k or 2.75M, not {shown(text)}")
    return int(count)
