"""`prodops provenance mail-relay`: how completion reports are mailed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def mail_relay(
    name: Annotated[
        str, typer.Argument(help="Name of the block, for PRODOPS_PROVENANCE_MAIL_BLOCK.")
    ],
    *,
    host: Annotated[str, typer.Option(help="The relay.")],
    sender: Annotated[str, typer.Option(help="Address that the mail comes from.")],
    recipients: Annotated[
        list[str], typer.Option("--recipient", help="Address that it goes to; repeatable.")
    ],
    port: Annotated[int, typer.Option(help="Port of the relay.")] = 25,
    starttls: Annotated[bool, typer.Option("--starttls", help="Use STARTTLS.")] = False,
    ca_file: Annotated[Path | None, typer.Option(help="CA certificates for TLS.")] = None,
    username: Annotated[str | None, typer.Option(help="User name at the relay.")] = None,
    password_file: Annotated[
        Path | None, typer.Option(help="File (mode 0600) with the password; its path is stored.")
    ] = None,
    test: Annotated[bool, typer.Option("--test", help="Send a test mail.")] = False,
) -> None:
    """Set up the mail of completion reports: create or replace a notification block in Prefect."""
    from pydantic import ValidationError  # noqa: PLC0415

    from deployments.prefect_access import join_prefect  # noqa: PLC0415

    join_prefect()
    from blocks.notification import Mail, MailRelay  # noqa: PLC0415 - prefect: environment first

    try:
        relay = MailRelay(
            host=host, port=port, sender=sender, recipients=recipients, starttls=starttls,
            ca_file=ca_file, username=username, password_file=password_file,
        )  # fmt: skip
    except ValidationError as error:
        first = error.errors()[0]
        option = ".".join(str(part) for part in first["loc"])
        raise typer.BadParameter(f"{option}: {first['msg']}") from None
    relay.save(name, overwrite=True)
    typer.echo(f"block mail-relay/{name}: {host}:{port} to {', '.join(recipients)}")
    if test:
        refused = relay.send(Mail("prodops: a test", "The relay takes mail.\n", key=f"test.{name}"))
        typer.echo(f"sent; refused: {', '.join(refused) or 'none'}")
