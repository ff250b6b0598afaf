"""`prodops task`: production tasks listed, shown, locked, submitted and followed, over REST."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from blocks import monitor_api
from blocks.errors import OutsideUnavailable, ProdOpsError
from blocks.pcs_service import PcsRefused, PcsService, ProdTask
from deployments.cli import tasks_display, tasks_wait
from deployments.cli.monitor_access import Token, Url, monitor_url
from deployments.cli.tasks_outcome import (
    EXIT_CODES,
    Outcome,
    Submission,
    exit_code,
    judge,
    outcome_of,
)
from flows.common.settings import BadSetting, settings

_INTERRUPTED = 130
_WAIT_SECONDS = 310.0  # what the original's page waits

app = typer.Typer(
    no_args_is_help=True,
    help="""List production tasks, submit them to PanDA, and follow their submissions.

    Exit codes: 0 submitted, or accepted where nobody waits. 2 wrong usage. 3 no such task.
    4 refused: not ready, or submitted already. 5 the submission failed: PanDA has no task of it.
    6 not known, or not recorded, when the wait ended: it goes on by itself, and must NOT be
    submitted again. 7 not reachable, or not allowed. Of several tasks the first of 6, 7, 5, 4, 3
    that one of them has.
    """,
)

Name = Annotated[
    str, typer.Argument(help="The task's composed name, stored name or number.", show_default=False)
]
AsJson = Annotated[
    bool,
    typer.Option("--json", help="One JSON object for each task; everything else goes to stderr."),
]
Wait = Annotated[bool, typer.Option("--wait", help="Follow it to its end.")]
Timeout = Annotated[
    float, typer.Option(min=0, metavar="SECONDS", help="How long to follow it at most.")
]


# ------------------------------------------------------------------ looking


@app.command("list")
def list_tasks(
    *,
    status: Annotated[
        str | None, typer.Option(help="Only of this status: draft, ready, submitted, …")
    ] = None,
    campaign: Annotated[str | None, typer.Option(help="Only of this campaign.")] = None,
    name: Annotated[str | None, typer.Option(help="Only with this in the name.")] = None,
    owner: Annotated[str | None, typer.Option(help="Only of this owner.")] = None,
    url: Url = None,
    token: Token = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array.")] = False,
    is_plain: Annotated[
        bool, typer.Option("--plain", help="Tab-separated, also at a terminal.")
    ] = False,
) -> None:
    """List production tasks."""
    from deployments.cli.tables import show as show_table  # noqa: PLC0415

    with _pcs(url, token) as pcs:
        found = pcs.tasks(status=status, campaign=campaign, name_contains=name, created_by=owner)
    if as_json:
        typer.echo(json.dumps([task.model_dump(mode="json") for task in found]))
        return
    rows = [tasks_display.row_of(task) for task in found]
    if is_plain:
        for row in rows:
            typer.echo("\t".join(tasks_display.cell(value) for value in row.values()))
    else:
        show_table(rows, columns=tasks_display.COLUMNS, as_json=False)


@app.command()
def show(name: Name, *, url: Url = None, token: Token = None, as_json: AsJson = False) -> None:
    """Show a task: what will run, what it lacks, its attempts and its submission."""
    from deployments.cli.tables import show as show_table  # noqa: PLC0415

    with _pcs(url, token) as pcs:
        task = pcs.task(name)
        command, problem = _command_of(pcs, task)
    if as_json:
        told = {**task.model_dump(mode="json"), "command": command, "command_problem": problem}
        typer.echo(json.dumps(told))
        return
    for label, value in tasks_display.facts_of(task):
        typer.echo(f"{label:>14}  {tasks_display.clean(value)}")
    if task.panda_tasks:
        rows = [tasks_display.attempt_row(each) for each in task.panda_tasks]
        typer.echo()
        show_table(rows, columns=list(rows[0]), as_json=False)
    typer.echo(f"\n{command or f'no command: {problem}'}")


@app.command("command")
def print_command(name: Name, *, url: Url = None, token: Token = None) -> None:
    """Print the prun command that PCS composes for a task."""
    with _pcs(url, token) as pcs:
        typer.echo(pcs.command(name))


# ------------------------------------------------------------------ doing


@app.command()
def lock(name: Name, *, url: Url = None, token: Token = None) -> None:
    """Make a task ready, where nothing is missing."""
    with _pcs(url, token) as pcs:
        task = pcs.lock(name)
    typer.echo(f"{tasks_display.clean(task.composed_name or task.name)}: {task.status}")


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
    """Submit tasks to PanDA; a task that is being submitted already is joined, never doubled."""
    wanted = list(dict.fromkeys([*(names or []), *_names_in(from_file)]))
    if not wanted:
        raise typer.BadParameter("give a NAME, or --from-file")
    _request(
        wanted, PcsService.submit, url, token, timeout=timeout if wait else None, as_json=as_json
    )


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
    """Submit a task once more, as its next attempt; the recorded one stays until then."""
    _request(
        [name], PcsService.rerun, url, token, timeout=timeout if wait else None, as_json=as_json
    )


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


def _request(
    names: Sequence[str],
    ask: Callable[[PcsService, str], ProdTask],
    url: str | None,
    token: str | None,
    *,
    timeout: float | None,
    as_json: bool,
) -> None:
    """Ask PCS for the submission of each, and follow them where somebody waits."""

    def begin(pcs: PcsService, name: str) -> Submission:
        task = ask(pcs, name)
        for warning in task.warnings:
            _tell(f"{name}: {warning}")
        begun = Submission(name)
        begun.begin(task)
        return begun

    _pursue(names, begin, url, token, timeout=timeout, as_json=as_json)


def _pursue(
    names: Sequence[str],
    begin: Callable[[PcsService, str], Submission],
    url: str | None,
    token: str | None,
    *,
    timeout: float | None,
    as_json: bool,
) -> None:
    """Begin with each name, wait, and tell what came of them; the stream is opened before."""
    submissions: list[Submission] = []
    is_interrupted = False
    with ExitStack() as opened:
        pcs = opened.enter_context(_pcs(url, token))
        ear = None if timeout is None else opened.enter_context(_ear(url, token))
        submissions += _begun(pcs, names, begin)
        if ear is not None and timeout is not None:
            display = opened.enter_context(_display())
            try:
                tasks_wait.follow(
                    submissions, ear=ear, pcs=pcs, display=display, timeout_seconds=timeout
                )
            except KeyboardInterrupt:
                is_interrupted = True
    _conclude(submissions, as_json=as_json, is_interrupted=is_interrupted)


def _begun(
    pcs: PcsService, names: Sequence[str], begin: Callable[[PcsService, str], Submission]
) -> Iterator[Submission]:
    outage: OutsideUnavailable | None = None
    for name in names:
        if outage is not None:  # each further one would wait for the same silence
            told = Submission(name, Outcome.UNREACHABLE, reason="not asked for: PCS is away")
            yield told
            continue
        try:
            yield begin(pcs, name)
        except OutsideUnavailable as error:
            outage = error
            refused = Submission(name)
            refused.refuse(error)
            refused.reason += "; whether it was accepted, `prodops task show` will tell"
            yield refused
        except PcsRefused as error:
            refused = Submission(name)
            refused.refuse(error)
            yield refused


def _conclude(submissions: Sequence[Submission], *, as_json: bool, is_interrupted: bool) -> None:
    for each in submissions:
        if is_interrupted:
            each.end_wait()
        line = json.dumps(each.as_json()) if as_json else tasks_display.result_line(each)
        typer.echo(line)
    if is_interrupted:
        _tell("the submission goes on; `prodops task watch` follows it")
        raise typer.Exit(_INTERRUPTED)
    raise typer.Exit(exit_code(each.outcome for each in submissions))


# ------------------------------------------------------------------ access


@contextmanager
def _pcs(url: str | None, token: str | None) -> Iterator[PcsService]:
    """PCS at the monitor's address; an error of it ends the command with its exit code."""
    key = _key(token)
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
        _tell(f"prodops: {error}{hint if outcome is Outcome.NOT_ALLOWED else ''}")
        raise typer.Exit(EXIT_CODES[outcome]) from None


@contextmanager
def _ear(url: str | None, token: str | None) -> Iterator[tasks_wait.Ear]:
    with (
        monitor_api.MonitorApi(monitor_url(url), _key(token)) as api,
        tasks_wait.listening(api, tell=_tell) as ear,
    ):
        yield ear


def _key(token: str | None) -> str | None:
    return token or settings().api.token


def _display() -> Any:
    return tasks_display.LiveLines() if sys.stderr.isatty() else tasks_display.Lines()


def _command_of(pcs: PcsService, task: ProdTask) -> tuple[str | None, str | None]:
    """The command; or why PCS composes none."""
    try:
        return pcs.command(task.name), None
    except PcsRefused as refusal:
        return None, refusal.detail


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


def _tell(line: str) -> None:
    typer.echo(tasks_display.clean(line), err=True)
