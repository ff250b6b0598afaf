"""`prodops provenance show`: what was found of what was requested, as rows."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer

from deployments.cli import tables
from deployments.cli.monitor_access import Token, Url, connected_actions
from deployments.cli.provenance.follow import Campaign
from deployments.cli.text import clean
from flows.common.spreadsheet import cell

_COLUMNS: Final = (
    "requested_path", "detector_config", "finding", "complete", "availability", "files",
    "total", "rses", "contradictions", "dids", "rules", "reason", "priority", "requestor",
    "tasks", "requested_by", "checked_at",
)  # fmt: skip
_SHOWN: Final = ("requested_path", "detector_config", "finding", "availability", "files", "rses")
_COUNTS: Final = (
    "requested", "found", "complete", "replicating", "tape", "incomplete", "missing", "unmatched",
    "contradictory",
)  # fmt: skip
_WORST_FIRST: Final = ("incomplete", "tape", "replicating", "complete")


def show(
    *,
    campaign: Campaign,
    url: Url = None,
    token: Token = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, a line for each row.")] = False,
) -> None:
    """Show the requested paths and their datasets, as of the last sweep."""
    if as_json and as_csv:
        raise typer.BadParameter("--json or --csv, not both")
    route = f"/api/provenance/campaigns/{quote(campaign, safe='')}/"
    with connected_actions(url, token) as api:
        standing, paths = api.get(route), api.get(f"{route}paths/")
    if as_json:
        typer.echo(json.dumps({**standing, "paths": paths.get("results", [])}))
        return
    rows = [_row(each) for each in paths.get("results", [])]
    if as_csv:
        _print_csv(rows)
        return
    tables.show(rows, columns=_SHOWN)
    typer.echo(clean(_summary(standing)), err=True)


def _row(path: dict[str, Any]) -> dict[str, Any]:
    """A requested path under one detector configuration, flat."""
    dids = path.get("dids") or []
    rses = [rse for each in dids for rse in each.get("rses") or []]
    own = path.get("campaign_tasks") or []
    return {
        **{name: path.get(name) for name in _COLUMNS},
        "complete": all(each.get("complete") for each in dids) if dids else None,
        "availability": _worst(each.get("availability") for each in dids),
        **(_files(dids) if dids else {}),
        "rses": ", ".join(f"{r.get('rse')} {r.get('files')}/{r.get('total')}" for r in rses),
        "contradictions": "; ".join(c for each in dids for c in each.get("contradictions") or []),
        "dids": " ".join(str(each.get("did")) for each in dids),
        "rules": " ".join(sorted({str(each.get("rule")) for each in dids})),
        "tasks": " ".join(own),
        "requested_by": " ".join(each for each in path.get("tasks") or [] if each not in own),
    }


def _worst(availabilities: Iterable[str | None]) -> str | None:
    found = set(availabilities)
    return next((each for each in _WORST_FIRST if each in found), None)


def _files(dids: list[dict[str, Any]]) -> dict[str, int]:
    """The files that Rucio lists, and those of them that are on disk.

    One that several of the datasets hold counts once.
    """
    listed = [each.get("file_count") or 0 for each in dids]
    counted = [min(each.get("file_count") or 0, each.get("counted_files") or 0) for each in dids]
    on_disk = sum(
        min(each.get("files_on_disk") or 0, of) for each, of in zip(dids, listed, strict=True)
    )
    total = max(*listed, sum(counted))
    return {"files": min(on_disk, total), "total": total}


def _print_csv(rows: list[dict[str, Any]]) -> None:
    writer = csv.DictWriter(sys.stdout, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)


def _cell(value: Any) -> str:
    return str(value) if isinstance(value, bool) else cell(value)


def _summary(standing: dict[str, Any]) -> str:
    counts = standing.get("counts") or {}
    numbers = ", ".join(f"{counts.get(name, 0)} {name}" for name in _COUNTS)
    error = f"; the last look failed: {standing['error']}" if standing.get("error") else ""
    return f"{standing.get('campaign')}: {numbers} (of {standing.get('checked_at')}){error}"
