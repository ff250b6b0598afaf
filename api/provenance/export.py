"""A selection of the catalog as CSV and as JSON, streamed: all its rows, whatever the page.

They are read a thousand at a time, each piece in a transaction that ends before it is sent.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain, islice
from typing import Final

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from api.provenance import schemas, views
from api.provenance.queries import campaigns, rows
from api.provenance.queries.selection import Selection
from blocks.errors import ProdOpsError
from flows.common import events
from flows.common.database import transaction
from flows.common.spreadsheet import cell

COLUMNS: Final = (
    "campaign", "requested_path", "suffix", "finding", "rule", "detector_config", "stage", "did",
    "complete", "availability", "files_available", "files_total", "files", "bytes", "rses",
    "contradictions", "is_open", "owner_path", "owner_task", "tasks", "requested_by", "priority",
    "requestor", "arrived_at", "checked_at", "reason", "suggestions",
)  # fmt: skip
_CHUNK: Final = 1000

Format = Callable[[Engine, Selection, datetime], Iterator[str]]
"""A selection piece by piece; what was not swept since the time is stale."""


class SweptMeanwhile(ProdOpsError):
    """A sweep replaced the rows while they were sent: the file breaks off; ask for it again."""


def as_csv(engine: Engine, wanted: Selection, stale_before: datetime) -> Iterator[str]:
    """A line for each row; nothing in it is a formula to a spreadsheet."""
    head: list[Iterable[str]] = [COLUMNS]
    for piece in _pieces(engine, wanted, stale_before):
        lines = (_cells(row, piece.suggested.get(row.path, [])) for row in piece.rows)
        yield _lines(chain(head, lines))
        head = []


def as_json(engine: Engine, wanted: Selection, stale_before: datetime) -> Iterator[str]:
    """How the campaign stands, then an entry for each path and detector configuration."""
    pieces = _pieces(engine, replace(wanted, sort="path"), stale_before)
    first = next(pieces)
    standing = schemas.StandingView(**views.standing(first.standing))
    suggested: dict[str, list[str]] = {}

    def found() -> Iterator[rows.Row]:
        for piece in chain([first], pieces):
            suggested.update(piece.suggested)
            yield from piece.rows

    entries = views.paths(found(), suggested, standing.error)
    texts = (path.model_dump_json() for path in entries)
    selection = json.dumps(wanted.query())
    yield f'{{"campaign": {standing.model_dump_json()}, "selection": {selection}, "results": ['
    comma = "\n"
    while chunk := list(islice(texts, _CHUNK)):
        yield comma + ",\n".join(chunk)
        comma = ",\n"
    yield "\n]}\n"


@dataclass(frozen=True)
class _Piece:
    """Some rows of a selection, and how the campaign stood when they were read."""

    rows: list[rows.Row]
    suggested: dict[str, list[str]]
    standing: campaigns.Standing


def _pieces(engine: Engine, wanted: Selection, stale_before: datetime) -> Iterator[_Piece]:
    """All rows; no connection is held between the pieces, for their reader may be slow.

    Raises:
        SweptMeanwhile: A later piece is not of the sweep that the first one is of.
    """
    first: _Piece | None = None
    start = 0
    while True:
        with transaction(engine) as session:
            piece = _piece(session, wanted, stale_before, start)
        first = first or piece
        if _sweep_of(piece) != _sweep_of(first):
            raise SweptMeanwhile(f"campaign {wanted.campaign} was swept while its rows were sent")
        yield piece
        if len(piece.rows) < _CHUNK:
            return
        start += _CHUNK


def _piece(session: Session, wanted: Selection, stale_before: datetime, start: int) -> _Piece:
    events.freeze(session)  # rows and standing are of one sweep
    found = rows.piece(session, wanted, stale_before=stale_before, start=start, limit=_CHUNK)
    return _Piece(
        found,
        rows.suggestions(session, wanted.campaign, [row.path for row in found]),
        campaigns.standing(session, wanted.campaign, stale_before=stale_before),
    )


def _sweep_of(piece: _Piece) -> tuple[int | None, datetime] | None:
    sweep = piece.standing.sweep
    return None if sweep is None else (sweep.request_id, sweep.attempted_at)


def _lines(cells: Iterable[Iterable[str]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(cells)
    return text.getvalue()


def _cells(row: rows.Row, suggested: list[str]) -> list[str]:
    has_dataset = row.name is not None
    rses = (f"{each['rse']} {each['files']}/{each['total']}" for each in row.rses or ())
    return [
        cell(value)
        for value in (
            row.campaign, row.path, row.suffix, row.finding, row.rule, row.detector_config,
            row.stage, row.did, row.is_complete, row.availability,
            row.files_on_disk if has_dataset else None, row.file_count, row.files, row.size_bytes,
            "; ".join(rses), "; ".join(row.contradictions or ()), row.is_open, row.owner_path,
            row.owner_task, row.campaign_tasks, row.other_tasks, row.priority, row.requestor,
            row.arrived_at, row.checked_at, row.reason, suggested,
        )
    ]  # fmt: skip
