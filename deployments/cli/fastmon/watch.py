"""`prodops fastmon`: the client of the fast monitoring, on a monitor's event stream alone."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from types import FrameType
from typing import Annotated

import typer

from blocks import monitor_api
from blocks.errors import ProdOpsError
from deployments.cli.fastmon import display
from deployments.cli.monitor_access import (
    Token,
    Url,
    any_token,
    connected_monitor,
    failures_in_one_line,
    monitor_url,
)
from deployments.signals import handled

fastmon_app = typer.Typer(
    no_args_is_help=True, help="Watch the files of the fast monitoring as they are registered."
)

_STATUS_SECONDS = 1.0  # to connect, and again to answer

MessageTypes = Annotated[
    str, typer.Option("--message-types", help="Only these msg_types, comma-separated.")
]
Agents = Annotated[str, typer.Option("--agents", help="Only events processed by these agents.")]
RunIds = Annotated[str, typer.Option("--run-ids", help="Only these run numbers.")]
Namespaces = Annotated[str, typer.Option("--namespaces", help="Only these namespaces.")]
After = Annotated[
    int | None,
    typer.Option("--after", min=0, help="Begin after the event with this id.", metavar="ID"),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="One JSON object a line; the summary goes to stderr.")
]


@fastmon_app.command("start", help="Alias of `watch`, as in the original client.")
@fastmon_app.command("watch")
def watch(
    *,
    url: Url = None,
    token: Token = None,
    message_types: MessageTypes = "",
    agents: Agents = "",
    run_ids: RunIds = "",
    namespaces: Namespaces = "",
    after: After = None,
    as_json: AsJson = False,
) -> None:
    """Show events as they come, until Ctrl+C; then a summary for each run.

    Reconnects after any interruption, without losing or repeating events. Ends with 3
    where the token is refused.
    """
    wanted = _filter(message_types, agents, run_ids, namespaces)
    with connected_monitor(url, token) as api:
        stream = api.follow(wanted, after=after, report=lambda line: typer.echo(line, err=True))
        if not as_json:
            typer.echo(f"Monitor: {api.url}\n{_describe(wanted)}\nTimes are UTC.")
        _show(stream, as_json=as_json)


@fastmon_app.command("status")
def status(
    *,
    url: Url = None,
    token: Token = None,
    message_types: MessageTypes = "",
    agents: Agents = "",
    run_ids: RunIds = "",
    namespaces: Namespaces = "",
) -> None:
    """Show the settings of `watch`, and the monitor's stream status."""
    with failures_in_one_line():
        address, key = monitor_url(url), any_token(token)
        typer.echo(f"Monitor URL: {address}")
        typer.echo(f"API Token: {'Set' if key else 'Not set'}")
        typer.echo(f"Stream: {address.rstrip('/')}{monitor_api.STREAM_PATH}")
        typer.echo(_describe(_filter(message_types, agents, run_ids, namespaces)))
        typer.echo(f"Server: {_server_status(address, key)}")


class _Stop:
    """Ctrl+C or SIGTERM: breaks a wait for the next event at once, lets a line be written whole."""

    def __init__(self) -> None:
        self._is_asked = False
        self._is_waiting = False

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        if self._is_waiting or self._is_asked:
            raise KeyboardInterrupt
        self._is_asked = True

    def until_asked(
        self, events: Iterator[monitor_api.StreamEvent]
    ) -> Iterator[monitor_api.StreamEvent]:
        while True:
            self._is_waiting = True  # first: a signal after the question would be lost in the wait
            try:
                event = None if self._is_asked else next(events, None)
            finally:
                self._is_waiting = False
            if event is None:
                return
            yield event


def _show(stream: monitor_api.EventStream, *, as_json: bool) -> None:
    stop, tally = _Stop(), display.Tally(started=datetime.now(UTC))
    _accept_any_letter()
    try:
        with handled(stop, signal.SIGINT, signal.SIGTERM):
            for event in stop.until_asked(iter(stream)):
                tally.count(event)
                _show_event(event, as_json=as_json)
    except KeyboardInterrupt:
        stream.close()
    except BrokenPipeError:  # `| head` has seen enough; Python must not flush into it at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    finally:
        for line in tally.summary(datetime.now(UTC)):
            typer.echo(line, err=as_json)


def _show_event(event: monitor_api.StreamEvent, *, as_json: bool) -> None:
    if event.event == "heartbeat":
        return
    if not as_json:
        typer.echo(display.line_of(event))
    elif event.event not in monitor_api.CONTROL_EVENTS:
        typer.echo(json.dumps({"id": event.id, "event": event.event, "data": event.data}))


def _accept_any_letter() -> None:
    """File names may hold letters that the terminal's encoding has not."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _filter(
    message_types: str, agents: str, run_ids: str, namespaces: str
) -> monitor_api.StreamFilter:
    return monitor_api.StreamFilter(
        msg_types=_names(message_types),
        agents=_names(agents),
        run_ids=_names(run_ids),
        namespaces=_names(namespaces),
    )


def _names(listed: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in listed.split(",") if name.strip())


def _describe(wanted: monitor_api.StreamFilter) -> str:
    if not wanted.params():
        return "Receiving all messages (no filtering)"
    parts = (f"{name}: {values}" for name, values in wanted.params().items())
    return f"Filtering enabled - {' | '.join(parts)}"


def _server_status(address: str, token: str | None) -> str:
    """What the server says, or why it does not: `status` shows the configuration in any case."""
    try:
        with monitor_api.MonitorApi(
            address, token, timeout_seconds=_STATUS_SECONDS, attempts=1
        ) as api:
            found = api.stream_status()
    except ProdOpsError as error:
        return f"no status ({error})"
    return f"{found.get('connected_clients', '?')} connected clients"
