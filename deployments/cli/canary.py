"""`prodops canary`: walks through the whole chain now, and shows each leg as it was walked."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

if TYPE_CHECKING:
    from flows.common.models import Request

_EXIT: Final = {"passed": 0, "skipped": 0, "failed": 1, "unknown": 4}
_COLORS: Final = {"passed": "green", "failed": "red", "unknown": "yellow"}
_LOOK_SECONDS: Final = 1.0  # what a lost notification costs


def walk(
    *,
    leg: Annotated[
        list[str] | None,
        typer.Option(help="messages, requests, log or rucio; repeatable; by default all."),
    ] = None,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", min=1, help="How long it is waited for.")
    ] = 300.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Walk through the whole chain: messages, requests, a log, Rucio; needs the running stack.

    Exit code 0: what was walked works; 1: something does not; 4: a service outside did not
    answer.
    """
    request_id = _ask(leg or [])
    request = _followed(request_id, timeout, show=_ignore if as_json else _show)
    if request is None or not isinstance(request.result, dict):
        reason = request.error if request is not None else f"not back within {timeout:g} s"
        typer.echo(f"request {request_id}: {reason}", err=True)
        raise typer.Exit(1)
    result = request.result
    if as_json:
        typer.echo(json.dumps({"request_id": request_id, **result}))
    else:
        typer.echo(f"{result['state']} after {result['seconds']:.1f} s, request {request_id}")
    raise typer.Exit(_EXIT.get(result["state"], 1))


def _ask(legs: list[str]) -> int:
    from deployments.access import ops_session, os_user  # noqa: PLC0415
    from flows.canary.actions import RUN_CANARY  # noqa: PLC0415
    from flows.common import requests  # noqa: PLC0415

    form = RUN_CANARY.parse({"legs": legs})
    with ops_session() as session:
        accepted = requests.accept(session, RUN_CANARY, form, caller=os_user(), source="cli")
    return accepted.id


def _followed(
    request_id: int, seconds: float, *, show: Callable[[dict[str, Any]], None]
) -> Request | None:
    """Show each leg once it was walked; gives the request as it ended, None where it did not."""
    from deployments.access import ops_session  # noqa: PLC0415
    from flows.canary import repository  # noqa: PLC0415
    from flows.common import events, requests  # noqa: PLC0415
    from flows.common.models import OPEN  # noqa: PLC0415
    from flows.common.notifications import NotificationListener  # noqa: PLC0415

    deadline, shown = time.monotonic() + seconds, 0
    with NotificationListener(events.CHANNEL) as listener:
        while time.monotonic() < deadline:
            with ops_session() as session:
                request = requests.get(session, request_id)
                walked = repository.walked(session, request_id)
            for each in walked[shown:]:
                show(each)
            shown = len(walked)
            if request.state not in OPEN:
                return request
            listener.wait(_LOOK_SECONDS)
    return None


def _show(leg: dict[str, Any]) -> None:
    state = str(leg.get("state"))
    shown = typer.style(f"{state:<8}", fg=_COLORS.get(state))
    typer.echo(f"{shown} {leg.get('leg'):<9} {leg.get('seconds'):>6.1f} s  {leg.get('text')}")


def _ignore(_leg: dict[str, Any]) -> None:
    pass
