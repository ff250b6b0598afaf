"""`prodops task`: production tasks listed, shown, locked, submitted and followed, over REST."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from blocks.pcs_service import PcsRefused, PcsService, ProdTask
from deployments.cli import tables
from deployments.cli.monitor_access import Token, Url
from deployments.cli.submission import display, resolve, submit
from deployments.cli.submission.access import AsJson, Name, connected_pcs
from deployments.cli.submission.outcome import newest_attempt
from deployments.cli.text import clean

app = typer.Typer(
    no_args_is_help=True,
    help="""List production tasks, submit them to PanDA, and follow their submissions.

    Exit codes: 0 submitted, or accepted without --wait. 2 wrong usage. 3 no such task.
    4 refused: not ready, or submitted already. 5 the submission failed: PanDA has no task of it.
    6 outcome unknown or not recorded when the wait ended: the submission continues by itself, and
    the task must NOT be submitted again. 7 not reachable, or not allowed. For several tasks: the
    first of 6, 7, 5, 4, 3 that one of them has.
    """,
)
app.registered_commands += submit.app.registered_commands
app.registered_commands += resolve.app.registered_commands


# ------------------------------------------------------------------ looking


@app.command("list")
def list_tasks(
    *,
    status: Annotated[
        str | None, typer.Option(help="Only of this status: draft, ready, submitted, …")
    ] = None,
    campaign: Annotated[str | None, typer.Option(help="Only of this campaign.")] = None,
    name: Annotated[str | None, typer.Option(help="Only names that contain this.")] = None,
    owner: Annotated[str | None, typer.Option(help="Only of this owner.")] = None,
    url: Url = None,
    token: Token = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array.")] = False,
    is_plain: Annotated[
        bool, typer.Option("--plain", help="Tab-separated, even on a terminal.")
    ] = False,
) -> None:
    """List production tasks."""
    with connected_pcs(url, token) as pcs:
        found = pcs.tasks(status=status, campaign=campaign, name_contains=name, created_by=owner)
    if as_json:
        typer.echo(json.dumps([task.model_dump(mode="json") for task in found]))
        return
    rows = [display.row_of(task) for task in found]
    tables.show(rows, columns=display.COLUMNS, is_plain=is_plain)


@app.command()
def show(name: Name, *, url: Url = None, token: Token = None, as_json: AsJson = False) -> None:
    """Show a task: its command, what is missing, its attempts and its submission."""
    with connected_pcs(url, token) as pcs:
        task = pcs.task(name)
        command, problem = _command_of(pcs, task)
    if as_json:
        shown = {**task.model_dump(mode="json"), "command": command, "command_problem": problem}
        typer.echo(json.dumps(shown))
        return
    for label, value in display.facts_of(task):
        typer.echo(f"{label:>14}  {clean(value)}")
    if task.panda_tasks:
        rows = [display.attempt_row(each) for each in task.panda_tasks]
        typer.echo()
        tables.show(rows, columns=list(rows[0]))
    typer.echo(f"\n{command or f'no command: {problem}'}")


@app.command("command")
def print_command(name: Name, *, url: Url = None, token: Token = None) -> None:
    """Print the prun command that PCS composes for a task."""
    with connected_pcs(url, token) as pcs:
        typer.echo(pcs.command(name))


# ------------------------------------------------------------------ making ready


@app.command()
def lock(name: Name, *, url: Url = None, token: Token = None) -> None:
    """Make a task ready, if nothing is missing."""
    with connected_pcs(url, token, must_write=True) as pcs:
        task = pcs.lock(name)
    typer.echo(f"{clean(task.composed_name or task.name)}: {task.status}")


def _command_of(pcs: PcsService, task: ProdTask) -> tuple[str | None, str | None]:
    """What runs, or would run next in the first attempt's name; or why PCS composes none."""
    newest = newest_attempt(task)
    attempt_id = newest.id if newest is not None and task.request is not None else None
    try:
        return pcs.command(task.name, panda_tasks_id=attempt_id), None
    except PcsRefused as refusal:
        return None, refusal.detail
