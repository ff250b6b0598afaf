"""`prodops request` and `prodops run`: requests seen, followed, cancelled, made."""

from __future__ import annotations

import json
import sys
import time
from typing import Annotated, Any

import typer

from blocks.errors import ProdOpsError
from deployments.cli import tables

app = typer.Typer(no_args_is_help=True, help="List, show, watch and cancel requests.")

_COLUMNS = ["id", "action", "subject", "state", "attempts", "requested_by", "created_at", "error"]
_POLL_SECONDS = 0.3
_EXIT = {"completed": 0, "failed": 1, "unknown": 4, "cancelled": 5}

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object or array.")]
RequestId = Annotated[int, typer.Argument(help="The request's id.")]


@app.command("list")
def list_requests(
    *,
    action: Annotated[str | None, typer.Option(help="Only of this action.")] = None,
    state: Annotated[str | None, typer.Option(help="Only in this state.")] = None,
    subject: Annotated[str | None, typer.Option(help="Only with this subject.")] = None,
    is_open: Annotated[bool, typer.Option("--open", help="Only open requests.")] = False,
    limit: Annotated[int, typer.Option("-n", "--limit", min=1, help="Most requests to list.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List requests, newest first."""
    from api.requests import queries  # noqa: PLC0415
    from deployments.access import ops_session  # noqa: PLC0415

    subjects = [subject] if subject is not None else []
    wanted = queries.Filter(action=action, state=state, subjects=subjects, is_open=is_open)
    with ops_session() as session:
        rows = [_row(each) for each in session.scalars(queries.matching(wanted).limit(limit))]
    tables.show(rows, columns=_COLUMNS, as_json=as_json)


@app.command()
def show(request_id: RequestId, *, as_json: AsJson = False) -> None:
    """Show one request with all its fields."""
    row = _read(request_id)
    if as_json:
        typer.echo(json.dumps(row, default=str))
        return
    for name, value in row.items():
        if value is not None:
            typer.echo(f"{name:>14}  {value}")


@app.command()
def watch(request_id: RequestId) -> None:
    """Wait for a request to end; exit 0 completed, 1 failed, 4 unknown, 5 cancelled."""
    state = None
    while True:
        row = _read(request_id)
        if row["state"] != state:
            state = row["state"]
            reason = f" ({row['error']})" if row["error"] else ""
            typer.echo(f"{row['action']} {request_id}: {state}{reason}")
        if state in _EXIT:
            raise typer.Exit(_EXIT[state])
        time.sleep(_POLL_SECONDS)


@app.command()
def cancel(
    request_id: RequestId,
    *,
    reason: Annotated[str, typer.Option(help="Why.")] = "",
) -> None:
    """Cancel a request."""
    from deployments.access import ops_session, os_user  # noqa: PLC0415
    from flows.common import cancellations  # noqa: PLC0415
    from flows.common.models import OPEN  # noqa: PLC0415

    with ops_session() as session:
        row = cancellations.ask(session, request_id, caller=os_user(), reason=reason)
        state = row.state
    if state in OPEN:
        typer.echo(f"request {request_id} will be cancelled; `prodops request watch {request_id}`")
    else:
        typer.echo(f"request {request_id} has ended already: {state}")


def run_action(
    action: Annotated[str, typer.Argument(help="The action; see `prodops run --help`.")],
    *,
    parameters: Annotated[
        list[str] | None,
        typer.Option("-p", "--parameter", metavar="NAME=VALUE", help="A parameter; repeatable."),
    ] = None,
    local: Annotated[
        bool, typer.Option("--local", help="Run it here, without the worker.")
    ] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Follow it to its end.")] = False,
    as_json: AsJson = False,
) -> None:
    """Request an action; with --local, run its flow in the foreground."""
    values = dict(_parameter(text) for text in parameters or [])
    if local:
        _run_local(action, values, as_json=as_json)
        return
    request_id = _request(action, values)
    typer.echo(json.dumps({"request_id": request_id}) if as_json else f"request {request_id}")
    if wait:
        watch(request_id)


def _run_local(action: str, values: dict[str, Any], *, as_json: bool) -> None:
    from deployments.access import ops_engine, os_user  # noqa: PLC0415
    from deployments.prefect_access import join_prefect  # noqa: PLC0415

    join_prefect()
    from deployments import local_run  # noqa: PLC0415 - imports prefect: environment first

    row = _row(local_run.run(ops_engine(), action, values, caller=os_user()))
    typer.echo(json.dumps(row, default=str) if as_json else f"{row['state']}: {row['result']}")


def _request(action: str, values: dict[str, Any]) -> int:
    from deployments.access import ops_session, os_user  # noqa: PLC0415
    from flows.common import actions, requests  # noqa: PLC0415

    wanted = actions.get(action)
    form = wanted.parse(values)
    with ops_session() as session:
        accepted = requests.accept(session, wanted, form, caller=os_user(), source="cli")
    if not accepted.is_new:
        typer.echo(f"an equal request is open: {accepted.id}", file=sys.stderr)
    return accepted.id


def _parameter(text: str) -> tuple[str, Any]:
    name, separator, value = text.partition("=")
    if not separator:
        raise ProdOpsError(f"parameter {text!r} is not of the form NAME=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _read(request_id: int) -> dict[str, Any]:
    from deployments.access import ops_session  # noqa: PLC0415
    from flows.common import requests  # noqa: PLC0415

    with ops_session() as session:
        return _row(requests.get(session, request_id))


def _row(request: Any) -> dict[str, Any]:
    names = [column.key for column in request.__table__.columns if column.key != "joined_at"]
    return {name: getattr(request, name) for name in names}
