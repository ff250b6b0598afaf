"""`prodops install`: lay an installation out, bring it up to date, or take it away."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deployments.install.options import Options
    from deployments.install.running import Row


def install(
    *,
    prefix: Annotated[
        Path, typer.Option(help="Directory that everything is laid out below.")
    ] = Path("/"),
    ops_user: Annotated[
        str | None, typer.Option(help="OS user of the operations side; at first: prodops.")
    ] = None,
    web_user: Annotated[
        str | None, typer.Option(help="OS user of the web tier; at first: prodops-web.")
    ] = None,
    database_url: Annotated[
        str | None,
        typer.Option(
            help="postgresql:// URL of a superuser, without a password; unset: the server of this "
            "machine, as its OS user postgres."
        ),
    ] = None,
    database_passfile: Annotated[
        Path | None, typer.Option(help="libpq password file for --database-url.")
    ] = None,
    is_by_hand: Annotated[
        bool,
        typer.Option(
            "--by-hand",
            help="Roles and databases are made by somebody else; --database-url says where.",
        ),
    ] = False,
    root_path: Annotated[
        str | None, typer.Option(help="URL path prefix of all routes, e.g. /swf-monitor.")
    ] = None,
    parts: Annotated[
        str | None,
        typer.Option(help="Parts that get a unit; at first: prefect,api,relay,worker,notifier."),
    ] = None,
    is_dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the plan, and do nothing.")
    ] = False,
    is_removal: Annotated[
        bool, typer.Option("--remove", help="Stop the parts and remove their units.")
    ] = False,
    is_purged: Annotated[
        bool,
        typer.Option(
            "--purge",
            help="With --remove: also data, settings, databases, roles and users that it made.",
        ),
    ] = False,
    is_sure: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Lay out users, directories, settings, roles, databases and units, or bring them up to date.

    What is there is kept, edited settings above all. A second run changes nothing.
    """
    from deployments.install.checks import check_prefix  # noqa: PLC0415
    from deployments.install.given import options_of  # noqa: PLC0415
    from flows.common.settings import BadSetting  # noqa: PLC0415

    check_prefix(prefix)
    if is_purged and not is_removal:
        raise BadSetting("--purge goes with --remove")
    given = {
        "superuser_url": database_url,
        "superuser_passfile": database_passfile,
        "ops_user": ops_user,
        "web_user": web_user,
        "root_path": root_path,
        "is_by_hand": is_by_hand or None,
        "parts": None if parts is None else tuple(parts.replace(",", " ").split()),
    }
    options = options_of(prefix, given)
    if is_removal:
        _remove(options, is_purged=is_purged, is_sure=is_sure, is_dry_run=is_dry_run)
    else:
        _install(options, is_dry_run=is_dry_run, as_json=as_json)


def _install(options: Options, *, is_dry_run: bool, as_json: bool) -> None:
    from deployments.install import running  # noqa: PLC0415
    from deployments.install.advice import advice  # noqa: PLC0415

    if is_dry_run:
        _show(running.preview(options), as_json=as_json)
        return
    rows = _show(running.install(options), as_json=as_json)
    if not as_json:
        for line in advice(options, rows):
            typer.echo(line)


def _show(rows: Iterable[Row], *, as_json: bool) -> list[Row]:
    """Print each row as it comes, or all as one JSON object."""
    shown = []
    for row in rows:
        shown.append(row)
        if not as_json:
            sys.stdout.write(f"{row.state:<12} {row.step}\n")
            sys.stdout.flush()
    if as_json:
        steps = [{"step": row.step, "state": row.state} for row in shown]
        sys.stdout.write(json.dumps({"steps": steps}) + "\n")
    return shown


def _remove(options: Options, *, is_purged: bool, is_sure: bool, is_dry_run: bool) -> None:
    from deployments.install import removal  # noqa: PLC0415

    for line in removal.removable(options, is_purged=is_purged):
        sys.stdout.write(f"{'will remove':<12} {line}\n")
    if is_dry_run:
        return
    if not is_sure:
        typer.confirm("Remove all this?", abort=True)
    _show(removal.remove(options, is_purged=is_purged), as_json=False)
