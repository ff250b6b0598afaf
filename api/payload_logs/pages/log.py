"""The page of a job's payload log: it comes by itself, and is read, searched and taken from here.

All that the page needs is under its own address, since a proxy may pass on nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from api.http import pages
from api.http.access import Caller
from api.payload_logs import files
from api.payload_logs import routes as payload_logs
from api.payload_logs.pages.parts import EVENTS, STEPS, Asked, step_of
from api.payload_logs.queries import (
    NotAJobId,
    NotItsRequest,
    Phase,
    Standing,
    directory,
    job_id,
    look,
    look_and_ask,
)
from api.pcs.models import Attempt, ProdTask
from flows.common import events
from flows.common.database import transaction
from flows.common.settings import Settings

router = APIRouter(route_class=pages.PageRoute, prefix="/panda/jobs", include_in_schema=False)

_NOT_THERE: Final = frozenset({Phase.NO_JOB, Phase.NO_LOG})

router.add_api_route("/{pandaid}/log/members/{name}", payload_logs.get_member)
router.add_api_route("/{pandaid}/log/members/{name}/", payload_logs.get_member)
router.add_api_route("/{pandaid}/log/archive/", payload_logs.get_archive)


@dataclass(frozen=True)
class Tab:
    """A member that can be read."""

    name: str
    size_bytes: int
    path: str


@dataclass(frozen=True, kw_only=True)
class Detail:
    """All that the page shows.

    Attributes:
        tabs: The members; none as long as there is nothing to read.
        version: Of the fetch that they are from.
        task_name: Stored name of the production task that the job belongs to, if one is known.
    """

    standing: Standing
    tabs: tuple[Tab, ...] = ()
    version: str = ""
    size_bytes: int = 0
    task_name: str | None = None


@router.get("/{pandaid}/log/")
async def log_page(request: Request, pandaid: str) -> Response:
    """The page; opening it asks for the log where it is not there."""
    viewer = await pages.viewer_of(request)
    try:
        number, asked = job_id(pandaid), Asked.of(request)
        found = await run_in_threadpool(_read, request, number, viewer, asked)
    except NotAJobId:
        what = f"PanDA job “{pandaid[:100]}”: a job is named by a positive whole number"
        return await pages.show(request, "missing.html", viewer, status=404, what=what)
    except NotItsRequest:
        what = f"such request for the log of job {pandaid}"
        return await pages.show(request, "missing.html", viewer, status=404, what=what)
    detail: Detail = found["detail"]
    return await pages.show(
        request,
        "payload_log.html",
        viewer,
        status=404 if detail.standing.phase in _NOT_THERE else 200,
        **found,
        **_shared(request, detail),
    )


def _read(request: Request, pandaid: int, viewer: Caller, asked: Asked) -> dict[str, Any]:
    settings: Settings = request.app.state.settings
    engine = request.app.state.engine
    standing = look_and_ask(
        engine, pandaid, settings, viewer, force=asked.force, request_id=asked.request_id
    )
    waited_for = asked.request_id
    if waited_for is None and standing.phase is Phase.WAITING and standing.request is not None:
        waited_for = standing.request.id
    with transaction(engine) as session:
        last_event_id = events.freeze(session)
        standing = look(session, pandaid, settings, request_id=waited_for)
        task_name = _task_name(session, standing)
    detail = _detail(standing, settings, task_name)
    return {"last_event_id": last_event_id, "detail": detail}


def _detail(standing: Standing, settings: Settings, task_name: str | None) -> Detail:
    place = directory(standing.row, settings)
    log = files.open_log(place) if place is not None else None
    if log is None or standing.row is None:
        return Detail(standing=standing, task_name=task_name)
    paths = {each.get("name"): each.get("path") or "" for each in standing.row.members}
    with log:
        tabs = tuple(
            Tab(each.name, each.size_bytes, paths.get(each.name, "")) for each in log.members
        )
        return Detail(
            standing=standing,
            tabs=tabs,
            version=log.version,
            size_bytes=log.size_bytes,
            task_name=task_name,
        )


def _task_name(session: Session, standing: Standing) -> str | None:
    """The production task whose task at PanDA the job is of."""
    if standing.row is None or standing.row.jeditaskid is None:
        return None
    return session.scalar(
        select(ProdTask.name)
        .join(Attempt, Attempt.prod_task_id == ProdTask.id)
        .where(Attempt.jedi_task_id == standing.row.jeditaskid)
    )


def _shared(request: Request, detail: Detail) -> dict[str, Any]:
    settings: Settings = request.app.state.settings
    prefix = pages.prefix_of(request)
    monitor = settings.pcs.panda_monitor_url
    base = f"{prefix}/panda/jobs/{detail.standing.pandaid}"
    task_path: Callable[[str], str] = lambda name: f"{prefix}/pcs/tasks/{quote(name, safe='')}/"  # noqa: E731
    return {
        "base": base,
        "member_path": lambda name: f"{base}/log/members/{quote(name, safe='')}",
        "step": step_of(detail.standing),
        "steps": STEPS,
        "events": EVENTS,
        "most_attempts": settings.payload_logs.max_attempts,
        "monitor": lambda key: monitor.replace("{id}", str(key)) if monitor else "",
        "task_path": task_path,
        "Phase": Phase,
    }
