"""The `testbed` command, also `swf-testbed` and `prodops testbed`: a user's agents and workflows.

Verbs of the original: fast-monitoring contract section 7.1.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from blocks.errors import ProdOpsError
from deployments import core_dumps
from deployments.cli.testbed import agents
from deployments.cli.testbed.run import run
from flows.common.http_proxies import keep_loopback_direct

app = typer.Typer(
    name="testbed",
    help="A testbed of one's own: agents under supervision, and workflows that they take part in.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command()(run)
app.command()(agents.start)
app.command()(agents.stop)
app.command()(agents.restart)
app.command()(agents.status)
app.command()(agents.logs)
app.command()(agents.kill)
app.command()(agents.controller)
app.command("agent-manager", help="The original's name of `controller`.")(agents.controller)
app.command("stop-agents")(agents.stop_agents)

_REPLACED = {"start-local": "up", "stop-local": "down", "status-local": "status"}
_BAD = 2


@app.command()
def init(
    *, force: Annotated[bool, typer.Option("--force", help="Replace one that is there.")] = False
) -> None:
    """Write an example of a testbed.toml into the current directory."""
    from deployments.testbed import finding  # noqa: PLC0415

    path = Path(finding.FILE_NAME)
    if path.exists() and not force:
        typer.echo(f"{path.absolute()} is there already; --force replaces it", err=True)
        raise typer.Exit(_BAD)
    path.write_text(finding.example(), encoding="utf-8")
    typer.echo(f"{path.absolute()} is written; `testbed run` runs it")


def _add_replaced(verb: str, instead: str) -> None:
    """A verb of the original's that starts services: prodops' own are the stack's."""

    def say_instead() -> None:
        text = f"`testbed {verb}` is not here: `prodops {instead}` does that, for all services"
        typer.echo(text, err=True)
        raise typer.Exit(_BAD)

    app.command(verb, hidden=True)(say_instead)


for each in _REPLACED.items():
    _add_replaced(*each)


def main() -> NoReturn:
    """Run the command; an error of ours is one line, with exit 2 for a bad setting, else 1."""
    core_dumps.forbid()
    os.environ["PGTZ"] = "UTC"  # whatever the database server's time zone is
    try:
        keep_loopback_direct(os.environ)
        app()
    except ProdOpsError as error:
        typer.echo(f"testbed: {error}", err=True)
        sys.exit(getattr(error, "exit_code", 1))
    sys.exit(0)
