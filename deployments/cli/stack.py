"""Commands of the stack: `up`, `down`, `status`, `logs`, and its two servers in the foreground.

What is slow to import is imported by the command that needs it.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import ExitStack
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.common.settings import BadSetting, settings

if TYPE_CHECKING:
    from deployments.stack.overview import Overview

app = typer.Typer(no_args_is_help=True)

_DOWN, _DEGRADED = 3, 1
_FOLLOW_SECONDS = 0.3
_PIPE_WIDTH = 500  # a pipe's reader wants a line per part


@app.command()
def up(
    *,
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Return when everything is ready.")
    ] = False,
    ready_fd: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Start the whole stack and keep it alive until Ctrl+C."""
    from deployments.stack import running  # noqa: PLC0415

    if detach:
        running.run_detached(settings())
    else:
        running.run(settings(), ready_fd=ready_fd)


@app.command()
def down() -> None:
    """End the running stack; no process of it is left."""
    from deployments.stack.running import end  # noqa: PLC0415

    end(settings())


@app.command()
def status(
    *, as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False
) -> None:
    """Show each part's state; exit 0 when all run, 1 when some do not, 3 when the stack is down."""
    from deployments.stack.overview import Health, overview  # noqa: PLC0415

    seen = overview(settings())
    if as_json:
        rows = [row.as_json() for row in seen.rows]
        sys.stdout.write(json.dumps({"state": seen.health, "parts": rows}) + "\n")
    elif seen.health is Health.DOWN:
        sys.stdout.write(f"the stack is down (state in {settings().stack.state_dir})\n")
    else:
        print_parts(seen)
    codes = {Health.UP: 0, Health.DEGRADED: _DEGRADED, Health.DOWN: _DOWN}
    raise typer.Exit(codes[seen.health])


@app.command()
def logs(
    part: Annotated[str | None, typer.Argument(help="A part; by default all of them.")] = None,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Follow the log.")] = False,
    lines: Annotated[int, typer.Option("-n", "--lines", min=0, help="Number of lines.")] = 50,
) -> None:
    """Print the last lines of a part's log, or of every part's."""
    from deployments.stack.logs import Follower  # noqa: PLC0415

    names = _logs_of(part)
    prefixes = {name: "" if part else f"{name:>10} | " for name in names}
    with ExitStack() as opened:
        followers = {}
        for name, path in names.items():
            followers[name] = Follower(path, lines=lines)
            opened.callback(followers[name].close)
        try:
            while True:
                for name, follower in followers.items():
                    for line in follower.news():
                        sys.stdout.write(f"{prefixes[name]}{line}\n")
                sys.stdout.flush()
                if not follow:
                    return
                time.sleep(_FOLLOW_SECONDS)
        except (KeyboardInterrupt, BrokenPipeError):
            return


@app.command()
def postgres() -> None:
    """Run the embedded PostgreSQL in the foreground; SIGINT ends it."""
    from deployments.stack.postgres import run  # noqa: PLC0415

    run(settings())


@app.command()
def prefect() -> None:
    """Run the Prefect server in the foreground, on loopback."""
    from deployments.service_manager.notification import service_manager  # noqa: PLC0415
    from deployments.stack.prefect_server import run  # noqa: PLC0415

    service_manager()  # nothing that it starts shall speak for it
    raise typer.Exit(run(settings()))


def _logs_of(part: str | None) -> dict[str, Path]:
    from deployments.stack.layout import Layout  # noqa: PLC0415
    from deployments.stack.parts import NAMES  # noqa: PLC0415

    layout = Layout(settings().stack.state_dir)
    known = (*NAMES, "supervisord", "up")
    if part is not None and part not in known:
        raise BadSetting(f"there is no part {part!r}; the parts are {', '.join(known)}")
    wanted = known if part is None else (part,)
    return {name: layout.log(name) for name in wanted if part or layout.log(name).exists()}


def print_parts(seen: Overview) -> None:
    """Print a row for each part."""
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table("part", "state", "pid", "since", "version", "last error", box=None)
    for row in seen.rows:
        since = row.since.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if row.since else "-"
        style = "green" if row.state == "running" else "red"
        cells = (row.part, Text(row.state, style), str(row.pid or "-"), since, row.version)
        table.add_row(*cells, Text(row.last_error or "-"))
    width = None if sys.stdout.isatty() else _PIPE_WIDTH
    Console(width=width).print(table)
