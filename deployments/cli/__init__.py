"""The `prodops` command. A subcommand imports what it needs when it runs, so that all are fast."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version as installed_version
from typing import NoReturn

import typer

from blocks.errors import ProdOpsError
from deployments import core_dumps
from deployments.cli import (
    actions,
    agents,
    automations,
    backup,
    blocks,
    parts,
    requests,
    tokens,
    users,
)
from deployments.cli.bench import app as bench_app
from deployments.cli.canary import walk
from deployments.cli.doctor import diagnose
from deployments.cli.fastmon.daq import daq_app
from deployments.cli.fastmon.watch import fastmon_app
from deployments.cli.install import install
from deployments.cli.mcp import serve_stdio
from deployments.cli.notifications import app as notify_app
from deployments.cli.payload_logs.command import print_log
from deployments.cli.provenance import app as provenance_app
from deployments.cli.sandbox import sandbox_app
from deployments.cli.stack import app as stack_app
from deployments.cli.submission.commands import app as task_app
from deployments.cli.testbed import app as testbed_app
from flows.common.http_proxies import keep_loopback_direct

app = typer.Typer(
    name="prodops",
    help="ePIC production operations and fast monitoring.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.registered_commands += stack_app.registered_commands
app.registered_commands += parts.app.registered_commands
app.command()(install)
app.add_typer(backup.app, name="backup")
app.command("restore")(backup.restore)
app.add_typer(requests.app, name="request")
app.command("run")(requests.run_action)
app.command("actions")(actions.list_actions)
app.command("logs-of")(print_log)
app.command("doctor")(diagnose)
app.command("canary")(walk)
app.add_typer(automations.app, name="automation")
app.add_typer(task_app, name="task")
app.add_typer(tokens.app, name="token")
app.add_typer(users.app, name="user")
app.add_typer(blocks.app, name="block")
app.add_typer(provenance_app, name="provenance")
app.add_typer(notify_app, name="notify")
app.add_typer(fastmon_app, name="fastmon")
app.add_typer(daq_app, name="daq")
app.command("agent")(agents.run_agent)
app.command("mcp")(serve_stdio)
app.add_typer(testbed_app, name="testbed")
app.add_typer(bench_app, name="bench")
app.add_typer(sandbox_app, name="sandbox")


@fastmon_app.command("version", help="Show the version of prodops.")
@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(f"prodops {installed_version('epic-prodops')}")


def main() -> NoReturn:
    """Run the command; an error of ours is one line, with exit 2 for a bad setting, else 1."""
    core_dumps.forbid()
    os.environ["PGTZ"] = "UTC"  # whatever the database server's time zone is
    try:
        if sys.argv[1:2] != ["doctor"]:  # which says itself what is wrong with a proxy
            keep_loopback_direct(os.environ)
        app()
    except ProdOpsError as error:
        typer.echo(f"prodops: {error}", err=True)
        sys.exit(getattr(error, "exit_code", 1))
    sys.exit(0)
