"""`prodops provenance evgen` and `register`: inputs that requests need, and registering them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any, Final

import typer

from blocks.monitor_api.actions import ActionApi
from deployments.cli import tables
from deployments.cli.monitor_access import Token, Url, connected_actions
from deployments.cli.provenance.follow import completed, followed
from deployments.cli.text import clean

_CAMPAIGN: Final = "/api/provenance/campaigns/EVGEN/"
_COLUMNS: Final = ("path", "finding", "did", "files", "complete", "reason", "suggestions")
_UNMATCHED: Final = ("did", "file_count", "bytes", "complete")
_PLANNED: Final = ("did", "verdict", "files", "new_files", "size_bytes", "is_registered", "reason")
_UPDATE, _REGISTER = "evgen_rucio_update", "register_evgen"

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON value.")]


def evgen(
    *,
    update: Annotated[
        bool, typer.Option("--update", help="Sweep the inputs in Rucio first, and wait for it.")
    ] = False,
    missing: Annotated[
        bool, typer.Option("--missing", help="Only inputs that are not registered.")
    ] = False,
    unmatched: Annotated[
        bool, typer.Option("--unmatched", help="List registered inputs that nobody requested.")
    ] = False,
    url: Url = None,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """List the requested inputs: which are registered at Rucio, and why the others are not."""
    if update:
        completed(_UPDATE, followed(_UPDATE, {}, url=url, token=token))
    with connected_actions(url, token) as api:
        standing = api.get(_CAMPAIGN)
        rows = (
            api.get_all(f"{_CAMPAIGN}unmatched/")
            if unmatched
            else list(_coverage(api, only_missing=missing))
        )
    tables.show(rows, columns=_UNMATCHED if unmatched else _COLUMNS, as_json=as_json)
    typer.echo(clean(_summary(standing)), err=True)


def register(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            help="Requested paths; none: all that are not registered.", show_default=False
        ),
    ] = None,
    *,
    apply: Annotated[
        bool, typer.Option("--apply", help="Register them; default: only report them.")
    ] = False,
    url: Url = None,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Register requested inputs that are on the storage but not in Rucio; default: a dry run."""
    parameters = {"paths": paths or [], "dry_run": not apply}
    ended = followed(_REGISTER, parameters, url=url, token=token)
    result = ended.result or {"datasets": []}
    if as_json:
        typer.echo(json.dumps(result))
    else:
        tables.show(result["datasets"], columns=_PLANNED)
    completed(_REGISTER, ended)
    typer.echo(_registered(result, is_done=apply), err=True)


def _coverage(api: ActionApi, *, only_missing: bool) -> Iterator[dict[str, Any]]:
    for path in api.get(f"{_CAMPAIGN}paths/").get("results", []):
        if only_missing and path["found"]:
            continue
        datasets = path["dids"]
        yield {
            "path": path["requested_path"],
            "finding": path["finding"],
            "did": " ".join(each["did"] for each in datasets),
            "files": sum(each["file_count"] for each in datasets) if datasets else None,
            "complete": all(each["complete"] for each in datasets) if datasets else None,
            "reason": path["reason"],
            "suggestions": " ".join(path["suggestions"]),
        }


def _summary(standing: dict[str, Any]) -> str:
    counts = standing["counts"]
    failed = f"; WARNING: the last look failed: {standing['error']}" if standing["error"] else ""
    return (
        f"{counts['found']} of {counts['requested']} requested inputs are registered, "
        f"{counts['unmatched']} others are (of {standing['checked_at']}){failed}"
    )


def _registered(result: dict[str, Any], *, is_done: bool) -> str:
    others = f"{result['already']} registered already, {result['refused']} refused"
    if is_done:
        return f"{result['registered']} registered, {others}"
    return f"{result['to_register']} to register, {others}; --apply registers them"
