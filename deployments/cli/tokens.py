"""`prodops token`: keys to the API and what they permit. Only their hashes are stored."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Annotated

import typer

from blocks.errors import ProdOpsError
from deployments.cli import tables
from flows.common.callers import DEFAULT, Scope, in_order, with_included

app = typer.Typer(no_args_is_help=True, help="Create, list and revoke tokens for the API.")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object or array.")]


@app.command()
def create(
    owner: Annotated[str, typer.Argument(help="Who the token stands for.")],
    *,
    scope: Annotated[
        list[Scope] | None,
        typer.Option(help="What it permits besides read, message and request; repeatable."),
    ] = None,
    is_only: Annotated[
        bool, typer.Option("--only", help="It permits nothing besides what --scope names.")
    ] = False,
    note: Annotated[str, typer.Option(help="What it is for.")] = "",
    days: Annotated[
        int | None,
        typer.Option(min=1, max=36_500, help="Days until it ends; unset: when it is revoked."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Create a token and print it: it is shown only once."""
    from deployments.access import ops_session  # noqa: PLC0415
    from flows.common import access  # noqa: PLC0415
    from flows.common.database import now  # noqa: PLC0415

    if is_only and not scope:
        raise ProdOpsError("--only takes a --scope")
    scopes = with_included({*(() if is_only else DEFAULT), *(scope or ())})
    with ops_session() as session:
        expires_at = None if days is None else now() + timedelta(days=days)
        key = access.create_token(session, owner, note, scopes=scopes, expires_at=expires_at)
    answer = {"owner": owner, "token": key, "scopes": in_order(scopes)}
    typer.echo(json.dumps(answer) if as_json else key)


@app.command("list")
def list_all(*, as_json: AsJson = False) -> None:
    """List the tokens, without their keys."""
    from deployments.access import ops_session  # noqa: PLC0415
    from flows.common import access  # noqa: PLC0415

    with ops_session() as session:
        rows = [
            {
                "id": token.id,
                "owner": token.owner,
                "scopes": " ".join(token.scopes),
                "note": token.note,
                "created": token.created_at,
                "ends": token.expires_at,
                "used": token.last_used_at,
                "made_with": token.made_with_id,
                "revoked": token.revoked_at,
            }
            for token in access.list_tokens(session)
        ]
    columns = ["id", "owner", "scopes", "note", "created", "ends", "used", "made_with", "revoked"]
    tables.show(rows, columns=columns, as_json=as_json)


@app.command()
def revoke(
    token_id: Annotated[int, typer.Argument(help="Its id, as `list` shows it.")],
    *,
    with_made: Annotated[
        bool, typer.Option("--with-made", help="Also those that were made with it.")
    ] = False,
) -> None:
    """Revoke a token: within seconds it is invalid, and its sessions and streams end."""
    from deployments.access import ops_session  # noqa: PLC0415
    from flows.common import access  # noqa: PLC0415

    with ops_session() as session:
        revoked = access.revoke_tokens(session, token_id, with_made=with_made)
    if not revoked:
        raise ProdOpsError(f"there is no token {token_id}; see `prodops token list`")
    for token in revoked:
        typer.echo(f"token {token.id} of {token.owner} is revoked")
