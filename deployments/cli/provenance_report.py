"""`prodops provenance report`, `arrivals` and `mail-relay`: what people are told, and how."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from blocks.monitor_api.actions import ActionApi
from deployments.cli import provenance_follow
from deployments.cli.monitor_access import (
    Token,
    Url,
    failures_in_one_line,
    monitor_token,
    monitor_url,
)

_REPORT, _ARRIVALS = "report_completion", "sweep_arrivals"
_COLUMNS: Final = ("campaign", "files", "datasets", "is_known")


def report(
    *,
    campaign: Annotated[
        str | None, typer.Option(help="The campaign; default: PCS's current one.")
    ] = None,
    mail: Annotated[
        bool, typer.Option("--mail/--no-mail", help="Whether it is mailed, where that is set up.")
    ] = True,
    url: Url = None,
    token: Token = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print a row for each path.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole body.")] = False,
) -> None:
    """Make a completion report, keep it, mail it, and print it, as Markdown or as asked."""
    from flows.provenance.reports.as_csv import table  # noqa: PLC0415 - slow to import
    from flows.provenance.reports.as_markdown import text  # noqa: PLC0415

    with failures_in_one_line():
        place, key = monitor_url(url), monitor_token(token)
        wish = {"campaign": campaign, "mail": mail}
        ended = provenance_follow.followed(_REPORT, wish, url=place, token=key)
        told = ended.result or {}
        if told.get("report_id") is not None:
            with ActionApi(place, key) as api:
                body = api.get(f"/api/provenance/reports/{told['report_id']}/")["body"]
            form = table if as_csv else json.dumps if as_json else text
            typer.echo(form(body), nl=as_json)
    if ended.state != "completed":
        provenance_follow.fail(_REPORT, ended)
    typer.echo(f"report {told['report_id']}: {told['mail']}", err=True)


def arrivals(
    *,
    url: Url = None,
    token: Token = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Count the files that arrived at Rucio since the last look."""
    from deployments.cli.tables import show  # noqa: PLC0415

    with failures_in_one_line():
        ended = provenance_follow.followed(
            _ARRIVALS, {}, url=monitor_url(url), token=monitor_token(token)
        )
    if ended.state != "completed":
        provenance_follow.fail(_ARRIVALS, ended)
    told: dict[str, Any] = ended.result or {}
    if as_json:
        typer.echo(json.dumps(told))
        return
    rows = [{"campaign": name, **each} for name, each in told["by_campaign"].items()]
    show(rows, columns=_COLUMNS, as_json=False)
    typer.echo(f"{told['files']} files since {told['window_start']}", err=True)


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
    starttls: Annotated[bool, typer.Option("--starttls", help="Talk over TLS.")] = False,
    ca_file: Annotated[Path | None, typer.Option(help="CA certificates for TLS.")] = None,
    username: Annotated[str | None, typer.Option(help="User name at the relay.")] = None,
    password_file: Annotated[
        Path | None, typer.Option(help="File (mode 0600) with the password; its path is kept.")
    ] = None,
    test: Annotated[bool, typer.Option("--test", help="Send a mail that says so.")] = False,
) -> None:
    """Tell Prefect how completion reports are mailed: make or replace a notification block."""
    from pydantic import ValidationError  # noqa: PLC0415

    from deployments.access import join_stack  # noqa: PLC0415
    from deployments.prefect_access import await_server, configure_client  # noqa: PLC0415
    from flows.common.settings import settings  # noqa: PLC0415

    join_stack()
    configure_client(settings())
    await_server(settings(), seconds=10)
    from blocks.notification import Mail, MailRelay  # noqa: PLC0415 - prefect: environment first

    try:
        relay = MailRelay(
            host=host, port=port, sender=sender, recipients=recipients, starttls=starttls,
            ca_file=ca_file, username=username, password_file=password_file,
        )  # fmt: skip
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise typer.BadParameter(f"{place}: {first['msg']}") from None
    relay.save(name, overwrite=True)
    typer.echo(f"block mail-relay/{name}: {host}:{port} to {', '.join(recipients)}")
    if test:
        refused = relay.send(Mail("prodops: a test", "The relay takes mail.\n", key=f"test.{name}"))
        typer.echo(f"sent; refused: {', '.join(refused) or 'none'}")
