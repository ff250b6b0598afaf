"""`prodops user`: what the users may do whom a trusted proxy names."""

from __future__ import annotations

from typing import Annotated

import typer

from blocks.errors import ProdOpsError
from deployments.cli import tables
from flows.common.callers import Scope

app = typer.Typer(no_args_is_help=True, help="Say what users may do whom a trusted proxy names.")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object or array.")]
Name = Annotated[str, typer.Argument(help="The user, as the proxy names them.")]


@app.command("set")
def set_scopes(
    name: Name,
    *,
    scope: Annotated[
        list[Scope] | None, typer.Option(help="What they may do; repeatable; none: nothing.")
    ] = None,
    note: Annotated[str | None, typer.Option(help="Why, or who they are.")] = None,
) -> None:
    """Say what a user may do, within the ceiling for proxied users."""
    from deployments.access import ops_session  # noqa: PLC0415
    from flows.common import access  # noqa: PLC0415

    with ops_session() as session:
        given = access.set_user(session, name, scope or (), note).scopes
        ceiling = access.policy(session).proxied_ceiling
    typer.echo(f"{name} may {', '.join(given) or 'do nothing'}")
    if beyond := [each for each in given if each not in ceiling]:
        typer.echo(
            f"not by a proxy: {', '.join(beyond)} (PRODOPS_API_PROXIED_CEILING is "
            f"{','.join(ceiling)}; set it on the ops side and restart)",
            err=True,
        )


@app.command()
def forget(name: Name) -> None:
    """Let a user do again what every unknown one may."""
    from deployments.access import ops_session  # noqa: PLC0415
    from flows.common import access  # noqa: PLC0415

    with ops_session() as session:
        if not access.forget_user(session, name):
            raise ProdOpsError(f"there is no user {name!r}; see `prodops user list`")
        unknown = access.policy(session).proxied_scopes
    typer.echo(f"{name} may {', '.join(unknown)}, as every user who is not set")


@app.command("list")
def list_all(*, as_json: AsJson = False) -> None:
    """List the users whose scopes were set."""
    from deployments.access import ops_session  # noqa: PLC0415
    from flows.common import access  # noqa: PLC0415

    with ops_session() as session:
        rows = [
            {
                "name": user.name,
                "scopes": " ".join(user.scopes),
                "note": user.note,
                "updated": user.updated_at,
            }
            for user in access.list_users(session)
        ]
    tables.show(rows, columns=["name", "scopes", "note", "updated"], as_json=as_json)
