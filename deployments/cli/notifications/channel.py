"""`prodops notify channel`: where messages go. The URL stands in a file, whose path is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from blocks.errors import ProdOpsError
from deployments.cli import tables
from flows.notifications.domain.words import ChannelKind

app = typer.Typer(no_args_is_help=True, help="Make, list and remove channels.")

Name = Annotated[str, typer.Argument(help="Name of the channel.")]


@app.command()
def add(
    name: Name,
    *,
    kind: Annotated[ChannelKind, typer.Option(help="What it delivers to.")],
    url_file: Annotated[
        Path, typer.Option(help="File (mode 0600) with its URL, which holds its secrets.")
    ],
    description: Annotated[str, typer.Option(help="What it is for, as people choose it by.")] = "",
    open_to_watchers: Annotated[
        bool, typer.Option("--open-to-watchers", help="Whether anybody's watch may name it.")
    ] = False,
    a_minute: Annotated[
        int, typer.Option(min=1, max=1000, help="Messages a minute; more become a summary.")
    ] = 30,
) -> None:
    """Make a channel, or change the one of that name."""
    from blocks.notification_channel.url_file import read_url  # noqa: PLC0415
    from deployments.access import ops_session  # noqa: PLC0415
    from flows.notifications.repository import channels  # noqa: PLC0415

    if not name or len(name) > 100 or not name.replace("-", "").replace("_", "").isalnum():  # noqa: PLR2004
        raise ProdOpsError("a channel's name has up to 100 letters, digits, - and _")
    read_url(url_file)
    with ops_session() as session:
        channels.add(
            session, name, kind, url_file=url_file.absolute(), description=description,
            is_open_to_watchers=open_to_watchers, a_minute=a_minute,
        )  # fmt: skip
    typer.echo(f"channel {name}: {kind}; try it by `prodops notify test {name}`")


@app.command("list")
def list_all(
    *, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False
) -> None:
    """List the channels, with how each took its last message; never their URLs."""
    from deployments.access import ops_session  # noqa: PLC0415
    from flows.notifications.repository import channels  # noqa: PLC0415

    with ops_session() as session:
        rows = [
            {
                "name": each.name,
                "kind": each.kind,
                "enabled": each.is_enabled,
                "open_to_watchers": each.is_open_to_watchers,
                "a_minute": each.a_minute,
                "last_sent": each.last_sent_at,
                "failing_since": each.failing_since,
                "error": each.last_error,
                "description": each.description,
            }
            for each in channels.every(session)
        ]
    columns = [
        "name", "kind", "enabled", "open_to_watchers", "a_minute", "last_sent", "failing_since",
        "error", "description",
    ]  # fmt: skip
    tables.show(rows, columns=columns, as_json=as_json)


@app.command()
def remove(name: Name) -> None:
    """Remove a channel, with the rules and watches that name it; what waits for it has failed."""
    from deployments.access import ops_session  # noqa: PLC0415
    from flows.notifications.repository import channels  # noqa: PLC0415

    with ops_session() as session:
        channels.remove(session, name)
    typer.echo(f"channel {name} is removed")


@app.command()
def enable(name: Name) -> None:
    """Deliver to a channel again, beginning with what waits."""
    _enable(name, is_enabled=True)


@app.command()
def disable(name: Name) -> None:
    """Deliver nothing to a channel; its messages wait."""
    _enable(name, is_enabled=False)


def _enable(name: str, *, is_enabled: bool) -> None:
    from deployments.access import ops_session  # noqa: PLC0415
    from flows.notifications.repository import channels  # noqa: PLC0415

    with ops_session() as session:
        channels.enable(session, name, is_enabled=is_enabled)
    typer.echo(f"channel {name} is {'enabled' if is_enabled else 'disabled'}")
