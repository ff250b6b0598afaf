"""`prodops task resolve`: an operator's word on what nobody else can tell the end of."""

from __future__ import annotations

import json
import time
from typing import Annotated, Final

import typer

from blocks.errors import OutsideUnavailable
from blocks.monitor_api.actions import ActionApi, ActionState
from deployments.cli.monitor_access import INTERRUPTED, Token, Url, any_token, monitor_url
from deployments.cli.submission.access import AsJson, Name, connected_pcs, say
from deployments.cli.submission.outcome import EXIT_CODES, Outcome
from deployments.cli.text import clean

_LOOK_SECONDS: Final = 0.5
_WAIT_SECONDS: Final = 310.0

app = typer.Typer()


@app.command()
def resolve(
    name: Name,
    *,
    adopt: Annotated[
        int | None,
        typer.Option(min=1, metavar="ID", help="It became this task: its jediTaskID at PanDA."),
    ] = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="It made no task, or one that is not ours.")
    ] = False,
    reason: Annotated[
        str, typer.Option(metavar="TEXT", help="Why, for the record.", show_default=False)
    ],
    url: Url = None,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Settle a submission that is unknown, unrecorded or unresolved, or whose id is not ours.

    PanDA is asked first: an id of another name is refused, and what else differs is said. What was
    decided, by whom, when and why is kept.
    """
    if (adopt is None) is not failed:
        raise typer.BadParameter("give either --adopt ID or --failed")
    with connected_pcs(url, token, must_write=True) as pcs:
        request_id = pcs.resolve(name, adopt=adopt, reason=reason)
        with ActionApi(monitor_url(url), any_token(token)) as api:
            ended = _ended(api, request_id)
    _conclude(name, ended, as_json=as_json)


def _ended(api: ActionApi, request_id: int) -> ActionState:
    """The request once it has ended, or when the wait is over."""
    give_up = time.monotonic() + _WAIT_SECONDS
    request = api.request(request_id)
    try:
        while request.is_open and time.monotonic() < give_up:
            time.sleep(_LOOK_SECONDS)
            try:
                request = api.request(request_id)
            except OutsideUnavailable as outage:
                say(f"away for a moment: {outage}")
    except KeyboardInterrupt:
        say(f"request {request_id} goes on; `prodops request watch {request_id}` follows it")
        raise typer.Exit(INTERRUPTED) from None
    return request


def _conclude(name: str, ended: ActionState, *, as_json: bool) -> None:
    outcome = Outcome.PENDING if ended.is_open else Outcome.REFUSED
    text = f"request {ended.id} is {ended.state}: {ended.error or 'no reason was recorded'}"
    jedi_task_id = (ended.result or {}).get("jedi_task_id")
    if ended.state == "completed":
        outcome = Outcome.SUBMITTED
        text = f"adopted as jediTaskID {jedi_task_id}" if jedi_task_id else "settled as failed"
    if as_json:
        shown = {"task": name, "request_id": ended.id, "state": ended.state, "text": text}
        typer.echo(json.dumps({**shown, "jedi_task_id": jedi_task_id}))
    else:
        typer.echo(clean(f"{name}: {text}"))
    raise typer.Exit(EXIT_CODES[outcome])
