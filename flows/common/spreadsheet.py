"""CSV as spreadsheets write and open it: tables that are read, and cells that are written. Pure."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from blocks.errors import ProdOpsError

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_WORDS: Final = {",": "comma", ";": "semicolon", "\t": "tab"}
_UTF16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_MARK: Final = "\ufeff"
_SAYS_SEPARATOR: Final = re.compile(r"sep=.\r?\n?", re.IGNORECASE)


def cell(value: Any) -> str:
    """A value as text, which no spreadsheet takes for a formula.

    None is empty, a truth value yes or no; the parts of a list stand side by side.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    text = " ".join(str(each) for each in value) if isinstance(value, list) else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


# ------------------------------------------------------------------ reading


class TableUnreadable(ProdOpsError):
    """The text has no header with the columns that are needed."""


@dataclass(frozen=True)
class BadRow:
    """A row that cannot be used: the line where it begins, and why."""

    line: int
    reason: str


@dataclass(frozen=True)
class Row:
    """A row: the line where it begins, and its fields by column."""

    line: int
    fields: dict[str, str]


@dataclass(frozen=True)
class Table:
    """A table with its header read. Columns without a name are left out."""

    separator: str
    columns: tuple[str, ...]
    rows: Iterator[Row | BadRow]

    @property
    def separated_by(self) -> str:
        """The separator as a word."""
        return in_words(self.separator)


def in_words(separator: str) -> str:
    """A separator of fields as a word."""
    return _WORDS[separator]


def decoded(raw: bytes) -> str:
    """The text of a file in UTF-8, or in UTF-16 where its byte order mark says so.

    Bytes that are no UTF-8 are left in the text as half characters, by which the rows that have
    them are refused, and no others.

    Raises:
        TableUnreadable: It has UTF-16's mark, and is no UTF-16.
    """
    if not raw.startswith(_UTF16):
        return raw.decode("utf-8", "surrogateescape")
    try:
        return raw.decode("utf-16")
    except UnicodeDecodeError as error:
        raise TableUnreadable(f"begins as UTF-16, and is none: {error}") from None


def read_table(text: str, *, needed: Sequence[str]) -> Table:
    """The table in the text, whichever of comma, semicolon and tab separates its fields.

    Args:
        text: With or without a byte order mark or a first line ``sep=;``.
        needed: Columns that it has to have.

    Raises:
        TableUnreadable: It has not, or it has one of its columns twice.
    """
    lines = list(io.StringIO(text.removeprefix(_MARK), newline=""))
    first = 1 if lines and _SAYS_SEPARATOR.fullmatch(lines[0]) else 0
    names, separator, begin = _header(lines, first, needed)
    columns = tuple(filter(None, names))
    if doubled := next((each for each in columns if columns.count(each) > 1), None):
        raise TableUnreadable(f"has the column {doubled!r} twice")
    return Table(separator, columns, _rows(lines, begin, separator, names))


def _header(lines: list[str], first: int, needed: Sequence[str]) -> tuple[list[str], str, int]:
    """The columns' names, what separates them, and how many lines they take."""
    problem = ""
    for separator in _WORDS:
        reader = csv.reader(lines[first:], delimiter=separator, strict=True)
        try:
            names = [name.strip() for name in next(reader, [])]
        except csv.Error as error:
            problem = problem or f"the header cannot be read: {error}"
            continue
        if set(needed) <= set(names):
            return names, separator, first + reader.line_num
    raise TableUnreadable(problem or _no_columns("".join(lines[first : first + 1]), needed))


def _no_columns(header: str, needed: Sequence[str]) -> str:
    missing = [name for name in needed if name not in header]
    if missing:
        return f"has no column {missing[0]!r}"
    return f"has no header whose columns are separated by {', '.join(_WORDS.values())}"


def _rows(lines: list[str], at: int, separator: str, names: list[str]) -> Iterator[Row | BadRow]:
    """The rows from a line on. After a line that cannot be read, reading begins anew."""
    while at < len(lines):
        rest = (lines[each] for each in range(at, len(lines)))
        reader = csv.reader(rest, delimiter=separator, strict=True)
        line = at + 1
        try:
            for fields in reader:
                if any(field.strip() for field in fields):
                    yield _row(line, names, fields)
                line = at + reader.line_num + 1
        except csv.Error as error:
            yield BadRow(line, f"cannot be read: {error}")
            at = line
        else:
            return


def _row(line: int, names: list[str], fields: list[str]) -> Row | BadRow:
    """The row; fields that it lacks at its end are empty, and empty ones may be too many."""
    if any(field.strip() for field in fields[len(names) :]):
        return BadRow(line, f"has {len(fields)} fields, the header {len(names)}")
    whole = [*fields, *[""] * (len(names) - len(fields))]
    named = {name: field for name, field in zip(names, whole, strict=False) if name}
    for name, field in named.items():
        if not field.isprintable() and (why := _unusable(field)):
            return BadRow(line, f"{name}: {why}")
    return Row(line, named)


def _unusable(field: str) -> str | None:
    if "\0" in field:
        return "has a null character"
    return "is not in UTF-8" if any("\ud800" <= each <= "\udfff" for each in field) else None
