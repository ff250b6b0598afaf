"""What the commands of `prodops task` share: options, connections, errors as exit codes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from blocks.errors import ProdOpsError
from blocks.monitor_api import MonitorApi, StreamFilter
from blocks.pcs_service import PcsService
from deployments.cli.events import EventReader, reading
from deployments.cli.monitor_access import any_token, monitor_url
from deployments.cli.submission.outcome import EXIT_CODES, Event, Outcome, outcome_of
from deployments.cli.text import clean
from flows.common.settings import BadSetting, settings

Name = Annotated[
    str, typer.Argument(help="The task's composed name, stored name or number.", show_default=False)
]
AsJson = Annotated[
    bool,
    typer.Option("--json", help="One JSON object for each task; everything else goes to stderr."),
]


@contextmanager
def connected_pcs(
    url: str | None, token: str | None, *, must_write: bool = False
) -> Iterator[PcsService]:
    """PCS at the monitor's address; an error of it ends the command with its exit code."""
    key = any_token(token)
    if must_write and key is None:
        say("prodops: this needs a token: set SWF_API_TOKEN or give --token")
        raise typer.Exit(EXIT_CODES[Outcome.NOT_ALLOWED])
    try:
        with PcsService(
            monitor_url(url), token=key, timeout_seconds=settings().pcs.timeout_seconds
        ) as pcs:
            yield pcs
    except BadSetting:
        raise
    except ProdOpsError as error:
        outcome = outcome_of(error)
        hint = "; set SWF_API_TOKEN or give --token" if key is None else ""
        say(f"prodops: {error}{hint if outcome is Outcome.NOT_ALLOWED else ''}")
        raise typer.Exit(EXIT_CODES[outcome]) from None


@contextmanager
def submission_events(url: str | None, token: str | None) -> Iterator[EventReader]:
    """The events of submissions from now on, at the monitor's address."""
    wanted = StreamFilter(msg_types=tuple(Event))
    with (
        MonitorApi(monitor_url(url), any_token(token)) as api,
        reading(api.follow(wanted, report=say), report=say, instead="PCS") as events,
    ):
        yield events


def say(line: str) -> None:
    """Say a line to people: on stderr."""
    typer.echo(clean(line), err=True)
