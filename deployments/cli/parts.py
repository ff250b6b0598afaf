"""The stack's parts, each alone in the foreground: `prodops api`, `worker`, `bridge` and so on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, NoReturn

import typer

from flows.common.settings import Settings, settings

app = typer.Typer()


@app.command()
def api() -> None:
    """Run the web tier: REST, pages and the stream."""
    from deployments import web  # noqa: PLC0415

    _run("api", web.run)


@app.command()
def worker() -> None:
    """Run the warm worker: claims requests, runs flows."""
    from deployments.worker import service  # noqa: PLC0415

    _run("worker", service.run)


@app.command()
def relay() -> None:
    """Run the relay: Prefect's state changes become events."""
    from deployments.relay import service  # noqa: PLC0415

    _run("relay", service.run)


@app.command()
def bridge() -> None:
    """Run the bridge to the message bus: requests and messages in, events out."""
    from deployments.bridge import service  # noqa: PLC0415

    _run("bridge", service.run)


@app.command()
def notifier() -> None:
    """Run the notifier: tells people what happened, by rules and watches."""
    from deployments.notifier import service  # noqa: PLC0415

    _run("notifier", service.run)


@app.command()
def scanner(
    *, once: Annotated[bool, typer.Option("--once", help="Scan once and end.")] = False
) -> None:
    """Scan the watched directories for STFs."""
    from deployments import scanner as service  # noqa: PLC0415

    _run("scanner", partial(service.run, once=once))


@app.command()
def panda() -> None:
    """Run the sandbox's PanDA, which accepts tasks and runs no jobs."""
    from deployments.sandbox.panda import serve  # noqa: PLC0415

    _run("panda", serve)


@app.command()
def demo() -> None:
    """Start a temporary stack, play a data-taking run through it, and show what happens."""
    from deployments.demo import play  # noqa: PLC0415

    raise typer.Exit(play.run())


@app.command()
def migrate(
    back_to: Annotated[
        str | None,
        typer.Option(
            metavar="REVISION",
            help="Undo the migrations since that revision, before parts of that version start "
            "again; where one of them took something away it is refused.",
        ),
    ] = None,
) -> None:
    """Migrate the database's schema to this version, and tell it who may do what."""
    from deployments import schema  # noqa: PLC0415
    from deployments.access import ops_session, publish_access  # noqa: PLC0415
    from flows.common.database import database_url  # noqa: PLC0415

    if back_to is not None:
        _migrate_back(back_to)
        return
    url = database_url().render_as_string(hide_password=False)
    is_ours = schema.migrate(url, settings().database.passfile)
    with ops_session() as session:
        publish_access(session)
    newer = "the schema is of a newer version, on which this one works"
    typer.echo("the schema is up to date" if is_ours else newer)


def _migrate_back(revision: str) -> None:
    """The stack's own PostgreSQL is started for it where the stack is down."""
    from deployments import schema  # noqa: PLC0415
    from deployments.backup import server  # noqa: PLC0415

    with server.answering(settings()):
        there = server.server_of(settings(), has_prefect=False)
        owner = there.owners[there.prodops]
        url = there.url(owner, there.prodops).render_as_string(hide_password=False)
        schema.migrate_back(url, there.passfiles[owner], revision)
    typer.echo(f"the schema is that of revision {revision} again")


def _run(name: str, part: Callable[[Settings], int]) -> NoReturn:
    """Load the settings, so that a bad one ends the part at once, set up its log, and run it.

    Args:
        name: The part's name in the log table.
        part: Runs it; gives the process's exit code.
    """
    from blocks import tracing  # noqa: PLC0415
    from deployments.collector import pass_over_survivors  # noqa: PLC0415
    from deployments.logs import configure_logging  # noqa: PLC0415
    from deployments.service_manager.notification import service_manager  # noqa: PLC0415

    configured = settings()
    configure_logging(configured, name)
    service_manager()  # nothing that the part starts shall speak for it
    traces = configured.traces
    tracing.start(f"prodops-{name}", url=traces.url, ratio=traces.ratio)
    pass_over_survivors()
    try:
        code = part(configured)
    finally:
        tracing.stop()
    raise typer.Exit(code)
