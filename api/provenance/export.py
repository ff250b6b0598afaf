"""A selection of the catalog as CSV and as JSON, streamed: all its rows, whatever the page."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Final

from sqlalchemy import Engine

from api.provenance import schemas, views
from api.provenance.queries import campaigns, rows
from api.provenance.queries.selection import Selection
from flows.common.database import transaction
from flows.common.spreadsheet import cell

COLUMNS: Final = (
    "campaign", "requested_path", "suffix", "finding", "rule", "detector_config", "stage", "did",
    "complete", "availability", "files_available", "files_total", "files", "bytes", "rses",
    "contradictions", "is_open", "owner_path", "owner_task", "tasks", "requested_by", "priority",
    "requestor", "arrived_at", "checked_at", "reason", "suggestions",
)  # fmt: skip
_CHUNK: Final = 200

Format = Callable[[Engine, Selection, datetime], Iterator[str]]
"""A selection piece by piece; what was not swept since the time is stale."""


def as_csv(engine: Engine, wanted: Selection, stale_before: datetime) -> Iterator[str]:
    """A line for each row; nothing in it is a formula to a spreadsheet."""
    yield _lines([COLUMNS])
    with transaction(engine) as session:
        suggested = rows.suggestions(session, wanted.campaign)
        found = rows.every(session, wanted, stale_before=stale_before)
        lines = (_cells(row, suggested.get(row.path, [])) for row in found)
        while chunk := list(islice(lines, _CHUNK)):
            yield _lines(chunk)


def as_json(engine: Engine, wanted: Selection, stale_before: datetime) -> Iterator[str]:
    """How the campaign stands, then an entry for each path and detector configuration."""
    by_path = replace(wanted, sort="path")
    with transaction(engine) as session:
        found = campaigns.standing(session, wanted.campaign, stale_before=stale_before)
        standing = schemas.StandingView(**views.standing(found))
        suggested = rows.suggestions(session, wanted.campaign)
        each = rows.every(session, by_path, stale_before=stale_before)
        yield f'{{"campaign": {standing.model_dump_json()}, "selection": '
        yield f'{json.dumps(wanted.query())}, "results": ['
        for number, path in enumerate(views.paths(each, suggested, standing.error)):
            yield f"{',' if number else ''}\n{path.model_dump_json()}"
        yield "\n]}\n"


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
