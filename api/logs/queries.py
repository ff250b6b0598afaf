"""Log records, newest first: a page of those that a search finds, and how many of each level.

However many records there are, a statement reads a bounded number of them: the filters but that by
text follow an index, and a text is looked for in so many of the records that pass the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Select,
    Tuple,
    UnaryExpression,
    asc,
    desc,
    func,
    literal,
    literal_column,
    select,
    tuple_,
)
from sqlalchemy import text as sql_text
from sqlalchemy.orm import Session, aliased

from api.logs.search import LEVELS, Place, Search
from flows.agents.models import AppLog

MOST_SCANNED: Final = 100_000
"""In so many records a text is looked for at a time."""
MOST_COUNTED: Final = 2000
"""Of so many records the levels are counted."""
_ESCAPE: Final = "\\"
_KEY: Final = tuple_(AppLog.timestamp, AppLog.id)
Order = Callable[[Any], UnaryExpression[Any]]
"""Ascending or descending."""

# PostgreSQL has no skip scan: without this, all records would be read for a handful of names.
_PARTS: Final = sql_text("""
    WITH RECURSIVE part (name) AS (
        (SELECT app_name FROM swf_applog ORDER BY app_name LIMIT 1)
        UNION ALL
        SELECT (SELECT app_name FROM swf_applog WHERE app_name > part.name
                ORDER BY app_name LIMIT 1)
        FROM part WHERE part.name IS NOT NULL)
    SELECT name FROM part WHERE name IS NOT NULL LIMIT :most
""")
_MOST_PARTS: Final = 200


@dataclass(frozen=True)
class Page:
    """A page of what a search found.

    Attributes:
        rows: The records, newest first.
        older: Where the next page begins; None: there is none.
        scanned_to: How far back the text was looked for, where it was not to the end.
    """

    rows: Sequence[AppLog]
    older: Place | None
    scanned_to: Place | None = None


def before(session: Session, wanted: Search, place: Place | None, limit: int) -> Page:
    """The newest records that are wanted, or those that come after a place in the list."""
    query = _matching(wanted)
    if place is not None:
        query = query.where(_at(place) > _KEY)
    rows = _find(session, query, wanted.text, limit + 1, order=desc)
    if len(rows) > limit:
        return Page(rows[:limit], place_of(rows[limit - 1]))
    end = _end_of_scan(session, query) if wanted.text else None
    return Page(rows, end, end)


def after(session: Session, wanted: Search, place: Place, limit: int) -> Page:
    """The records that came after one: those next to it, where there are more than the limit."""
    query = _matching(wanted).where(_at(place) < _KEY)
    rows = _find(session, query, wanted.text, limit, order=asc)
    return Page(rows[::-1], place_of(rows[0]) if rows else place)


def place_of(row: AppLog) -> Place:
    """The place of a record in the list."""
    return Place(row.timestamp, row.id)


def count_by_level(session: Session, wanted: Search) -> dict[str, int]:
    """How many of the newest records have each level, whatever the search's level and text."""
    newest = (
        _matching(wanted.without_words())
        .with_only_columns(AppLog.level)
        .order_by(AppLog.timestamp.desc(), AppLog.id.desc())
        .limit(MOST_COUNTED)
        .subquery()
    )
    numbers = dict.fromkeys(LEVELS, 0)
    counted = select(newest.c.level, func.count()).group_by(newest.c.level)
    for level, number in session.execute(counted):
        numbers[level_name(level)] += number
    return numbers


def level_name(level: int) -> str:
    """The name of the highest of the levels that a level reaches; of the lowest below them."""
    reached = [name for name, least in LEVELS.items() if level >= least]
    return reached[-1] if reached else next(iter(LEVELS))


def parts(session: Session) -> list[str]:
    """What logs: parts of prodops, and applications of the testbed."""
    return list(session.scalars(_PARTS, {"most": _MOST_PARTS}))


def _at(place: Place) -> Tuple:
    return tuple_(literal(place.at, AppLog.timestamp.type), literal(place.id, AppLog.id.type))


def _matching(wanted: Search) -> Select[tuple[AppLog]]:
    """The records that a search asks for, but for its text."""
    return select(AppLog).where(*_conditions(wanted))


def _conditions(wanted: Search) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.level:
        # A constant: the partial index is used only where PostgreSQL knows the level.
        found.append(AppLog.level >= literal_column(str(LEVELS[wanted.level])))
    if wanted.part:
        found.append(AppLog.app_name == wanted.part)
    if wanted.request is not None:
        found.append(_about("request_id") == str(wanted.request))
    if wanted.run is not None:
        found.append(_about("flow_run_id") == str(wanted.run))
    if wanted.since is not None:
        found.append(AppLog.timestamp >= wanted.since)
    if wanted.until is not None:
        found.append(AppLog.timestamp < wanted.until)
    return found


def _about(name: str) -> ColumnElement[str]:
    """The expression of the indexes, letter by letter."""
    return literal_column(f"(extra_data ->> '{name}')")


def _find(
    session: Session, query: Select[tuple[AppLog]], text: str, limit: int, *, order: Order
) -> list[AppLog]:
    """The first records of a query in an order; where there is a text, those that hold it."""
    ordered = query.order_by(order(AppLog.timestamp), order(AppLog.id))
    if not text:
        return list(session.scalars(ordered.limit(limit)))
    scanned = aliased(AppLog, ordered.limit(MOST_SCANNED).subquery())
    found = select(scanned).where(scanned.message.ilike(_pattern(text), escape=_ESCAPE))
    in_order = found.order_by(order(scanned.timestamp), order(scanned.id))
    return list(session.scalars(in_order.limit(limit)))


def _pattern(text: str) -> str:
    for sign in (_ESCAPE, "%", "_"):
        text = text.replace(sign, _ESCAPE + sign)
    return f"%{text}%"


def _end_of_scan(session: Session, query: Select[tuple[AppLog]]) -> Place | None:
    """The last record that a text was looked for in; None where there are no more."""
    keys = query.with_only_columns(AppLog.timestamp, AppLog.id)
    keys = keys.order_by(AppLog.timestamp.desc(), AppLog.id.desc())
    last = session.execute(keys.offset(MOST_SCANNED - 1).limit(2)).all()
    return Place(*last[0]) if len(last) > 1 else None
