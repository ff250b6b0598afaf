"""The page of a job's payload log: it comes by itself, and is read, searched and taken from here.

All that the page needs is under its own address, since a proxy may pass on nothing else.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from api.assessments import queries as assessments
from api.http import links, pages
from api.http.sessions import session_of, settings_of
from api.payload_logs import files, queries, routes, views
from api.payload_logs.queries import Asked, NotAJobId, NotItsRequest, Phase, Standing, job_id
from flows.common import events
from flows.common.callers import Caller
from flows.payload_logs.domain import words
from flows.payload_logs.models import Step

router = APIRouter(route_class=pages.PageRoute, prefix="/panda/jobs", include_in_schema=False)

STEPS: Final[dict[Step, str]] = {
    Step.LOOK_UP: "Find out at PanDA which log it is",
    Step.RESOLVE: "Find its replicas in Rucio",
    Step.COPY: "Copy it from storage",
    Step.VERIFY: "Check its size and checksum",
    Step.UNPACK: "Unpack the log files",
    Step.PUBLISH: "Put them where they can be read",
}
"""The steps of a fetch in their order, as pages list them."""
_NOT_THERE: Final = frozenset({Phase.NO_JOB, Phase.NO_LOG})

router.add_api_route("/{pandaid}/log/members/{name}", routes.get_member)
router.add_api_route("/{pandaid}/log/members/{name}/", routes.get_member)
router.add_api_route("/{pandaid}/log/archive/", routes.get_archive)


@router.get("/{pandaid}/log/")
async def log_page(request: Request, pandaid: str) -> Response:
    """The page; opening it asks for the log where it is not there."""
    viewer = await pages.viewer_of(request)
    try:
        number, asked = job_id(pandaid), Asked.of(request.query_params)
        found = await run_in_threadpool(_read, request, number, viewer, asked)
    except NotAJobId:
        what = f"PanDA job “{pandaid[:100]}”: a job is named by a positive whole number"
        return await pages.show(request, "missing.html", viewer, status=404, what=what)
    except NotItsRequest:
        what = f"such request for the log of job {pandaid}"
        return await pages.show(request, "missing.html", viewer, status=404, what=what)
    return await pages.show(
        request,
        "payload_log.html",
        viewer,
        status=404 if found["standing"].phase in _NOT_THERE else 200,
        **found,
        **_shared(request, number),
    )


def _read(request: Request, pandaid: int, viewer: Caller, asked: Asked) -> dict[str, Any]:
    """All that the page shows of a log: its standing, its members, and where events go on."""
    settings = settings_of(request)
    with session_of(request) as session:
        # First: what happens from here on is among the events that the page follows.
        last_event_id = events.last_id(session)
        standing = queries.look_and_ask(session, pandaid, settings, viewer, asked)
        row = standing.row
        task_name, mistaken = queries.task_name(session, row), queries.mistaken(session, row)
        assessed = assessments.shown_of(session, [("panda_job", str(pandaid))])
    with files.open_of(row, settings) or nullcontext() as log:
        members = views.log(row, log, settings).members if row is not None else []
        binaries = {each.name for each in log.members if not each.is_text} if log else set()
        return {
            "last_event_id": last_event_id,
            "standing": standing,
            "task_name": task_name,
            "mistaken": mistaken,
            "assessed": assessed,
            "tabs": [each for each in members if each.name not in binaries],
            "downloads": [each for each in members if each.name in binaries],
            "remarks": words.remarks_of(row) if row is not None and log is not None else [],
            "log_version": log.version if log is not None else "",
            "step": step_of(standing),
        }


def _shared(request: Request, pandaid: int) -> dict[str, Any]:
    settings = settings_of(request)
    prefix = links.prefix_of(request)
    monitor = settings.pcs.panda_monitor_url
    base = f"{prefix}/panda/jobs/{pandaid}"
    return {
        "base": base,
        "member_path": lambda name: f"{base}/log/members/{quote(name, safe='')}",
        "steps": STEPS,
        "most_attempts": settings.payload_logs.max_attempts,
        "monitor": lambda key: monitor.replace("{id}", str(key)) if monitor else "",
        "task_path": lambda name: f"{prefix}/pcs/tasks/{quote(name, safe='')}/",
        "Phase": Phase,
    }


# ------------------------------------------------------------------ shared with the text


@dataclass(frozen=True)
class StepNow:
    """Where a fetch is.

    Attributes:
        name: The step; empty before the first.
        number: Its position, from 1; 0 before the first.
        text: What the ops side says of it.
    """

    name: str = ""
    number: int = 0
    text: str = "waiting for the ops side"


def step_of(standing: Standing) -> StepNow:
    """Where the fetch is that the standing waits for."""
    row, request = standing.row, standing.request
    if row is None or request is None or row.request_id != request.id or row.step not in set(Step):
        return StepNow()
    step = Step(row.step)
    return StepNow(step.value, step.number, row.step_text or STEPS[step])
