"""`prodops provenance`: what Rucio holds of what was requested, asked for and shown, over REST."""

from __future__ import annotations

import typer

from deployments.cli.provenance import check, evgen, follow, mail_relay, report, show

app = typer.Typer(
    no_args_is_help=True,
    help="""What Rucio holds of what was requested: look at it, show it, report on it.

    Exit codes of what is asked for and followed: 0 done. 1 it failed, or there is no such campaign:
    what was known before stays. 2 wrong usage. 3 the token is refused.
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
