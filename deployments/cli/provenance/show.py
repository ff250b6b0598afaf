"""`prodops provenance show`: what was found of what was requested, as rows."""

from __future__ import annotations

import csv
import json
import sys
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer

from deployments.cli import tables
from deployments.cli.monitor_access import Token, Url, connected_actions
from deployments.cli.provenance.follow import Campaign
from deployments.cli.text import clean
from flows.common.spreadsheet import cell

_COLUMNS: Final = (
    "requested_path", "detector_config", "finding", "complete", "files", "total", "rses", "dids",
    "rules", "reason", "priority", "requestor", "tasks", "checked_at",
)  # fmt: skip
_SHOWN: Final = ("requested_path", "detector_config", "finding", "complete", "files", "rses")


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
    return {
        **{name: path.get(name) for name in _COLUMNS},
        "complete": all(each.get("complete") for each in dids) if dids else None,
        "files": sum(each.get("file_count") or 0 for each in dids) if dids else None,
        "total": sum(_total(each) for each in dids) if dids else None,
        "rses": ", ".join(f"{r.get('rse')} {r.get('files')}/{r.get('total')}" for r in rses),
        "dids": " ".join(str(each.get("did")) for each in dids),
        "rules": " ".join(sorted({str(each.get("rule")) for each in dids})),
        "tasks": " ".join(path.get("tasks") or []),
    }


def _total(did: dict[str, Any]) -> int:
    """The files that there are to be, at the RSE that has the most."""
    return max((rse.get("total") or 0 for rse in did.get("rses") or []), default=0)


def _print_csv(rows: list[dict[str, Any]]) -> None:
    writer = csv.DictWriter(sys.stdout, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)


def _cell(value: Any) -> str:
    return str(value) if isinstance(value, bool) else cell(value)


def _summary(standing: dict[str, Any]) -> str:
    counts = standing.get("counts") or {}
    numbers = ", ".join(
        f"{counts.get(name, 0)} {name}"
        for name in ("requested", "found", "complete", "incomplete", "missing", "unmatched")
    )
    error = f"; the last look failed: {standing['error']}" if standing.get("error") else ""
    return f"{standing.get('campaign')}: {numbers} (of {standing.get('checked_at')}){error}"
