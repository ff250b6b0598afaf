"""`prodops token`: keys to the API. Only their hashes are stored."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from blocks.errors import ProdOpsError
from deployments.cli import tables

app = typer.Typer(no_args_is_help=True, help="Create, list and revoke tokens for the API.")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object or array.")]


@app.command()
def create(
    owner: Annotated[str, typer.Argument(help="Who the token stands for.")],
    *,
    note: Annotated[str, typer.Option(help="What it is for.")] = "",
    as_json: AsJson = False,
) -> None:
    """Create a token and print it: it is shown only once."""
    from api.http import access  # noqa: PLC0415
    from deployments.access import ops_session  # noqa: PLC0415

    with ops_session() as session:
        key = access.create_token(session, owner, note)
    typer.echo(json.dumps({"owner": owner, "token": key}) if as_json else key)


@app.command("list")
def list_all(*, as_json: AsJson = False) -> None:
    """List the tokens, without their keys."""
    from api.http import access  # noqa: PLC0415
    from deployments.access import ops_session  # noqa: PLC0415

    with ops_session() as session:
        rows = [
            {
                "id": token.id,
                "owner": token.owner,
                "note": token.note,
                "created": token.created_at,
                "revoked": token.revoked_at,
            }
            for token in access.list_tokens(session)
        ]
    tables.show(rows, columns=["id", "owner", "note", "created", "revoked"], as_json=as_json)


@app.command()
def revoke(token_id: Annotated[int, typer.Argument(help="Its id, as `list` shows it.")]) -> None:
    """Revoke a token; it becomes invalid within a few seconds."""
    from api.http import access  # noqa: PLC0415
    from deployments.access import ops_session  # noqa: PLC0415

    with ops_session() as session:
        token = access.revoke_token(session, token_id)
    if token is None:
        raise ProdOpsError(f"there is no token {token_id}; see `prodops token list`")
    typer.echo(f"token {token_id} of {token.owner} is revoked")
