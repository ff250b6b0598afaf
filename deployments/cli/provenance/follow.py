"""`prodops provenance sweep` and `snapshot`; an action asked for and followed to its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Final

import typer

from blocks import monitor_api
from blocks.errors import OutsideUnavailable
from blocks.monitor_api import StreamEvent, StreamFilter
from blocks.monitor_api.actions import ActionApi, ActionState
from deployments.cli.events import EventReader, reading
from deployments.cli.monitor_access import (
    FAILED,
    INTERRUPTED,
    Token,
    Url,
    failures_in_one_line,
    monitor_token,
    monitor_url,
)
from deployments.cli.text import clean, tell

_LOOK_SECONDS: Final = 3.0
_TICK_SECONDS: Final = 0.25
_LINE_SECONDS: Final = 5.0
_COMPLETED: Final = "completed"
_PROGRESS: Final = "provenance_progress"
_ENDS: Final = (
    "rucio_snapshot_ready",
    "campaign_provenance_ready",
    "evgen_rucio_ready",
    "rucio_arrivals",
    "completion_report_ready",
)

Show = Callable[[str, int, int], None]


Campaign = Annotated[str, typer.Option(help="The campaign; 26.07 means all its editions.")]


def sweep(*, campaign: Campaign, url: Url = None, token: Token = None) -> None:
    """Sweep one campaign in Rucio; wait for the end."""
    _carry_out("campaign_provenance_sweep", {"campaign": campaign}, url, token)


def snapshot(*, url: Url = None, token: Token = None) -> None:
    """Sweep every producing campaign and write the snapshot files; wait for the end."""
    _carry_out("rucio_snapshot_update", {}, url, token)


def _carry_out(action: str, parameters: dict[str, Any], url: str | None, token: str | None) -> None:
    result = completed(action, followed(action, parameters, url=url, token=token))
    campaigns = result.get("campaigns") or {result.get("campaign"): result}
    for name, counts in campaigns.items():
        typer.echo(clean(f"{name}: {_counted(counts)}"))


def followed(
    action: str, parameters: dict[str, Any], *, url: str | None, token: str | None
) -> ActionState:
    """Ask for the action, and follow it to its end, whatever that is.

    Args:
        action: Its name.
        parameters: Of its form.
        url: The command's option.
        token: The command's option.
    """
    wanted = StreamFilter(msg_types=(_PROGRESS, *_ENDS))
    with failures_in_one_line():
        at = monitor_url(url), monitor_token(token)
        with ActionApi(*at) as api, monitor_api.MonitorApi(*at) as monitor:
            try:
                # Read before it is asked for: no event is missed.
                with reading(monitor.follow(wanted, report=tell), report=tell) as events:
                    return _follow(api, api.ask(action, parameters), events)
            except KeyboardInterrupt:
                tell("it goes on; `prodops request list` shows it")
                raise typer.Exit(INTERRUPTED) from None


def completed(action: str, ended: ActionState) -> dict[str, Any]:
    """The result; ends the command with 1, and says why, where the action was not completed."""
    if ended.state != _COMPLETED:
        tell(f"{action} {ended.id}: {ended.state}: {ended.error or 'no reason was recorded'}")
        raise typer.Exit(FAILED)
    return ended.result or {}


def _follow(api: ActionApi, request: ActionState, events: EventReader) -> ActionState:
    looked_at = time.monotonic()
    with _display() as show:
        while request.is_open:
            event = events.next(_TICK_SECONDS)
            is_ours = event is not None and event.data.get("request_id") == request.id
            if event is not None and is_ours and event.event == _PROGRESS:
                show(*_progress(event))
            is_end = is_ours and event is not None and event.event != _PROGRESS
            if is_end or time.monotonic() - looked_at >= _LOOK_SECONDS:
                request, looked_at = _look(api, request), time.monotonic()
    return request


def _look(api: ActionApi, request: ActionState) -> ActionState:
    try:
        return api.request(request.id)
    except OutsideUnavailable:
        return request  # away for a moment: the run goes on


def _progress(event: StreamEvent) -> tuple[str, int, int]:
    data = event.data
    return clean(str(data.get("text") or "")), _number(data.get("done")), _number(data.get("total"))


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0


@contextmanager
def _display() -> Iterator[Show]:
    """A progress bar on stderr at a terminal, else a line now and then."""
    from rich.console import Console  # noqa: PLC0415 - slow to import
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines()
        return
    # Rich's own percentage is rounded: 1012 of 1013 would be 100 %.
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("waiting for the worker", total=None)

        def show(text: str, done: int, total: int) -> None:
            bar.update(task, description=text, completed=done, total=total or None)

        yield show


def _lines() -> Show:
    said_at = [-_LINE_SECONDS]

    def show(text: str, _done: int, _total: int) -> None:
        if time.monotonic() - said_at[0] >= _LINE_SECONDS:
            said_at[0] = time.monotonic()
            typer.echo(text, err=True)

    return show


def _counted(counts: Any) -> str:
    wanted = ("requested", "found", "complete", "replicating", "tape", "incomplete", "missing",
              "unmatched", "datasets", "contradictory", "files")  # fmt: skip
    return ", ".join(f"{name} {counts.get(name)}" for name in wanted if isinstance(counts, dict))
