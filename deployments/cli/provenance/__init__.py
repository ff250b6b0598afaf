"""`prodops provenance`: what Rucio holds of what was requested, asked for and shown, over REST."""

from __future__ import annotations

import typer

from deployments.cli.provenance import check, evgen, follow, mail_relay, report, show

app = typer.Typer(
    no_args_is_help=True,
    help="""Compare requests with what Rucio has: sweep, show, report, register inputs.

    Exit codes of commands that wait for an action: 0 done. 1 it failed, or there is no such
    campaign; earlier results are kept. 2 wrong usage. 3 the token is refused.
    """,
)
for command in (
    check.check,
    evgen.evgen,
    evgen.register,
    report.report,
    report.arrivals,
    mail_relay.mail_relay,
    follow.sweep,
    follow.snapshot,
    show.show,
):
    app.command(command.__name__.replace("_", "-"))(command)
