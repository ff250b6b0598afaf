"""`prodops notify`: the channels that notifications go to, and what became of notifications."""

from __future__ import annotations

import typer

from deployments.cli.notifications import channel, listing, trial

app = typer.Typer(no_args_is_help=True, help="Tell people what happened: channels and messages.")
app.add_typer(channel.app, name="channel")
app.command("list")(listing.list_newest)
app.command("test")(trial.send_test)
