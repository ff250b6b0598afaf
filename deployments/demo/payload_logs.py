"""The demonstration's third part: the log of a job of its task is fetched from a storage door."""

from __future__ import annotations

import time
from typing import Final

import httpx
from rich.console import Console
from rich.table import Table

from blocks import monitor_api
from blocks.errors import ProdOpsError
from deployments.demo.stream import Heard, heard
from deployments.sandbox.grid.grid import Grid
from deployments.sandbox.grid.logs import make_log
from deployments.sandbox.grid.programs import DOORS_ARE_FILES, xrootd_program
from deployments.stack.environment import sandbox_panda_url
from deployments.stack.stack import Stack
from flows.payload_logs import messages

_SECONDS: Final = 60.0
_EVENTS: Final = (messages.PROGRESS, messages.READY, messages.FAILED)
_SCOPE: Final = "group.EIC"
_MEMBER: Final = "payload.stdout"
_SHOWN_LINES: Final = 4
_EVENTS_IN_LOG: Final = 2_000


class LogNotShown(ProdOpsError):
    """The demonstration's log did not come."""


def show(stack: Stack, token: str, console: Console, *, jedi_task_id: int) -> str:
    """Put a log of the task's job at a door, have it fetched, show it; gives its page's address.

    Raises:
        LogNotShown: It was not fetched.
        NotHeard: Nothing was heard of its end in time.
    """
    if xrootd_program() is None:
        console.print(DOORS_ARE_FILES, markup=False)
    panda_id = _finished_job(stack, jedi_task_id)
    with (
        monitor_api.MonitorApi(stack.api_url, token) as api,
        httpx.Client(base_url=stack.api_url, headers={"Authorization": f"Token {token}"}) as http,
        heard(api, _EVENTS) as news,
    ):
        asked = time.monotonic()
        http.post("/api/payload-logs/", json={"pandaid": panda_id}).raise_for_status()
        steps = _follow(news, panda_id, asked)
        text = http.get(f"/api/payload-logs/{panda_id}/members/{_MEMBER}").raise_for_status().text
    console.print(_table(panda_id, steps))
    lines = text.splitlines()
    for line in lines[:_SHOWN_LINES]:
        console.print(f"  {line}", markup=False, highlight=False)
    console.print(f"  … {len(lines)} lines in {_MEMBER}")
    return f"{stack.api_url}/panda/jobs/{panda_id}/log/"


def _finished_job(stack: Stack, jedi_task_id: int) -> int:
    """A job of the task that has ended, with its log at the sandbox's guarded door."""
    lfn = f"group.EIC.demo.log.{jedi_task_id}.000001.log.tgz"
    make_log(Grid(stack.settings), scope=_SCOPE, lfn=lfn, members=_members(jedi_task_id))
    url = f"{sandbox_panda_url(stack.settings)}/_sandbox/jobs"
    body = {"jedi_task_id": jedi_task_id, "log": [_SCOPE, lfn]}
    return int(httpx.post(url, json=body).raise_for_status().json()["panda_id"])


def _members(jedi_task_id: int) -> dict[str, bytes]:
    """What a job of a simulation writes."""
    events = [f"eicrecon INFO event {number} done" for number in range(1, _EVENTS_IN_LOG + 1)]
    stdout = [f"task {jedi_task_id}: npsim, then eicrecon", *events, "eicrecon INFO finished"]
    stderr = ["eicrecon WARN 2 tracks without a vertex", "eicrecon ERROR no field map: default"]
    members = {_MEMBER: stdout, "payload.stderr": stderr, "pilotlog.txt": ["pilot: job finished"]}
    return {f"job/{name}": "\n".join([*lines, ""]).encode() for name, lines in members.items()}


def _follow(news: Heard, panda_id: int, asked: float) -> list[tuple[str, str, float]]:
    """The steps as they were heard: name, text, seconds since it was asked for."""
    steps: list[tuple[str, str, float]] = []
    for event in news.about(_SECONDS, pandaid=str(panda_id)):
        seconds = time.monotonic() - asked
        if event.event == messages.FAILED:
            raise LogNotShown(f"job {panda_id}: {event.data['reason']}")
        if event.event == messages.READY:
            steps.append(("ready", "it can be read", seconds))
            break
        steps.append((str(event.data["step"]), str(event.data["text"]), seconds))
    return steps


def _table(panda_id: int, steps: list[tuple[str, str, float]]) -> Table:
    table = Table("step", "what", "after", title=f"The log of job {panda_id}")
    for step, text, seconds in steps:
        table.add_row(step, text, f"{seconds * 1000:.0f} ms")
    return table
