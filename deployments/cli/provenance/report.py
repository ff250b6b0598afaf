"""`prodops provenance report` and `arrivals`: made, and printed."""

from __future__ import annotations

import json
from typing import Annotated, Final

import typer

from deployments.cli import tables
from deployments.cli.monitor_access import Token, Url, connected_actions
from deployments.cli.provenance.follow import completed, followed

_REPORT, _ARRIVALS = "report_completion", "sweep_arrivals"
_COLUMNS: Final = ("campaign", "files", "datasets", "is_known")


def report(
    *,
    campaign: Annotated[
        str | None, typer.Option(help="The campaign; default: PCS's current one.")
    ] = None,
    mail: Annotated[
        bool, typer.Option("--mail/--no-mail", help="Whether it is mailed, if that is set up.")
    ] = True,
    url: Url = None,
    token: Token = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print a row for each path.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Make a completion report, store it, mail it, and print it, by default as Markdown."""
    from flows.provenance.domain.reports.as_csv import table  # noqa: PLC0415 - slow to import
    from flows.provenance.domain.reports.as_markdown import text  # noqa: PLC0415

    ended = followed(_REPORT, {"campaign": campaign, "mail": mail}, url=url, token=token)
    made = ended.result or {}
    if made.get("report_id") is not None:
        with connected_actions(url, token) as api:
            body = api.get(f"/api/provenance/reports/{made['report_id']}/")["body"]
        form = table if as_csv else json.dumps if as_json else text
        typer.echo(form(body), nl=as_json)
    completed(_REPORT, ended)
    typer.echo(f"report {made['report_id']}: {made['mail']}", err=True)


def arrivals(
    *,
    url: Url = None,
    token: Token = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Count the files that are new in Rucio since the last arrivals sweep."""
    counted = completed(_ARRIVALS, followed(_ARRIVALS, {}, url=url, token=token))
    if as_json:
        typer.echo(json.dumps(counted))
        return
    rows = [{"campaign": name, **each} for name, each in counted["by_campaign"].items()]
    tables.show(rows, columns=_COLUMNS)
    typer.echo(f"{counted['files']} files since {counted['window_start']}", err=True)
