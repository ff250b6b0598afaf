"""`prodops task submit`, `rerun` and `watch`: submissions asked for, followed, reported."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from blocks.errors import OutsideUnavailable
from blocks.pcs_service import PcsRefused, PcsService, ProdTask
from deployments.cli.monitor_access import INTERRUPTED, Token, Url
from deployments.cli.submission import display, waiting
from deployments.cli.submission.access import AsJson, Name, connected_pcs, say, submission_events
from deployments.cli.submission.outcome import Outcome, Submission, exit_code, judge

_WAIT_SECONDS = 310.0  # what the original's page waits

app = typer.Typer()

Wait = Annotated[bool, typer.Option("--wait", help="Follow it to its end.")]
Timeout = Annotated[
    float, typer.Option(min=0, metavar="SECONDS", help="How long to follow it at most.")
]

_Begin = Callable[[PcsService, str], Submission]


@app.command()
def submit(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME...", help="Tasks, by composed name, stored name or number."),
    ] = None,
    *,
    from_file: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Read names from a file, one a line; - is standard input."
        ),
    ] = None,
    wait: Wait = False,
    timeout: Timeout = _WAIT_SECONDS,
    url: Url = None,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Submit tasks to PanDA; a submission that is already open is joined, not repeated."""
    wanted = list(dict.fromkeys([*(names or []), *_names_in(from_file)]))
    if not wanted:
        raise typer.BadParameter("give a NAME, or --from-file")
    begin, seconds = _asking(PcsService.submit), timeout if wait else None
    _pursue(wanted, begin, url, token, timeout=seconds, as_json=as_json)


@app.command()
def rerun(
    name: Name,
    *,
    wait: Wait = False,
    timeout: Timeout = _WAIT_SECONDS,
    url: Url = None,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Submit a task again, as its next attempt; the recorded id stays until the new one is."""
    begin, seconds = _asking(PcsService.rerun), timeout if wait else None
    _pursue([name], begin, url, token, timeout=seconds, as_json=as_json)


@app.command()
def watch(
    name: Name,
    *,
    timeout: Timeout = _WAIT_SECONDS,
    url: Url = None,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Follow a task's submission to its end, or say how the last one ended."""

    def look(pcs: PcsService, asked: str) -> Submission:
        return judge(asked, pcs.task(asked))

    _pursue([name], look, url, token, timeout=timeout, as_json=as_json)


def _asking(ask: Callable[[PcsService, str], ProdTask]) -> _Begin:
    """Begin with a task by asking PCS for its submission."""

    def begin(pcs: PcsService, name: str) -> Submission:
        task = ask(pcs, name)
        for warning in task.warnings:
            say(f"{name}: {warning}")
        begun = Submission(name)
        begun.begin(task)
        return begun

    return begin


def _pursue(
    names: Sequence[str],
    begin: _Begin,
    url: str | None,
    token: str | None,
    *,
    timeout: float | None,
    as_json: bool,
) -> None:
    """Begin with each name, wait, and report what came of them; the stream is opened before."""
    submissions: list[Submission] = []
    is_interrupted = False
    with ExitStack() as opened:
        pcs = opened.enter_context(connected_pcs(url, token, must_write=True))
        reader = submission_events(url, token)
        events = None if timeout is None else opened.enter_context(reader)
        submissions += _begun(pcs, names, begin)
        if events is not None and timeout is not None:
            shown = opened.enter_context(display.shown(is_one=len(submissions) == 1))
            try:
                waiting.follow(
                    submissions, events=events, pcs=pcs, display=shown, timeout_seconds=timeout
                )
            except KeyboardInterrupt:
                is_interrupted = True
    _conclude(submissions, as_json=as_json, is_interrupted=is_interrupted)


def _begun(pcs: PcsService, names: Sequence[str], begin: _Begin) -> Iterator[Submission]:
    is_away = False
    for name in names:
        if is_away:  # each further one would wait for the same silence
            yield Submission(name, Outcome.UNREACHABLE, reason="not asked for: PCS is away")
            continue
        try:
            yield begin(pcs, name)
        except (OutsideUnavailable, PcsRefused) as error:
            refused = Submission(name)
            refused.refuse(error)
            is_away = isinstance(error, OutsideUnavailable)
            if is_away:
                refused.reason += "; whether it was accepted, `prodops task show` will tell"
            yield refused


def _conclude(submissions: Sequence[Submission], *, as_json: bool, is_interrupted: bool) -> None:
    for each in submissions:
        if is_interrupted:
            each.end_wait()
        line = json.dumps(each.as_json()) if as_json else display.result_line(each)
        typer.echo(line)
    if is_interrupted:
        say("the submission goes on; `prodops task watch` follows it")
        raise typer.Exit(INTERRUPTED)
    raise typer.Exit(exit_code(each.outcome for each in submissions))


def _names_in(file: str | None) -> list[str]:
    """The names in a file: one a line; blank lines and comments do not count."""
    if file is None:
        return []
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"--from-file {file}: {error}") from None
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]
