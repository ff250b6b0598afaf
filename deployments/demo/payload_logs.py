"""The demonstration's third part: the log of a job of its task is fetched from a storage door."""

from __future__ import annotations

from typing import Final

import httpx
from rich.console import Console

from blocks import monitor_api
from deployments.demo.stream import Steps, heard
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


def show(stack: Stack, token: str, console: Console, *, jedi_task_id: int) -> str:
    """Put a log of the task's job at a door, have it fetched, show it; gives its page's address.

    Raises:
        EndedBadly: It was not fetched.
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
        steps = Steps()
        http.post("/api/payload-logs/", json={"pandaid": panda_id}).raise_for_status()
        events = news.about(_SECONDS, pandaid=str(panda_id))
        steps.follow(events, f"job {panda_id}", failed=messages.FAILED, done=messages.READY)
        steps.note("ready", "it can be read")
        text = http.get(f"/api/payload-logs/{panda_id}/members/{_MEMBER}").raise_for_status().text
    console.print(steps.table(f"The log of job {panda_id}"))
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
