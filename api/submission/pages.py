"""Production tasks: the list, many of which may be submitted at once, and a page for each."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy.orm import Session

from api.http import links, pages, wording
from api.http.sessions import read, settings_of
from api.pcs.errors import AmbiguousIdentity, TaskNotFound
from api.pcs.queries import tasks
from api.submission.domain import STEPS, Operation, Phase
from api.submission.queries import detail, listing
from api.submission.queries.listing import Filter
from flows.common import events
from flows.common.callers import Caller
from flows.common.database import now

router = APIRouter(route_class=pages.PageRoute, prefix="/pcs/tasks", include_in_schema=False)


@router.get("/")
async def list_page(request: Request) -> Response:
    """The tasks of a filter, a page at a time; everything is in the address."""
    viewer = await pages.viewer_of(request)
    wanted = Filter.of(dict(request.query_params))

    def found(session: Session) -> dict[str, Any]:
        # The id first: what comes after it is in the page, or comes by the stream.
        last_event_id = events.freeze(session)
        return {"last_event_id": last_event_id, "listing": listing.read(session, wanted)}

    return await pages.show(
        request,
        "tasks.html",
        viewer,
        **await read(request, found),
        **_shared(request, viewer),
        wanted=wanted,
        no_campaign=listing.NO_CAMPAIGN,
    )


@router.get("/compose/")
async def compose_page(
    request: Request, selected: Annotated[str, Query(max_length=1000)] = ""
) -> Response:
    """The address under which others link to a task."""
    return await (task_page(request, selected) if selected else list_page(request))


@router.get("/{name:path}")
async def task_page(request: Request, name: str) -> Response:
    """One task: what will run, how it stands, its attempts, and what can be done."""
    viewer = await pages.viewer_of(request)
    wanted = name.removesuffix("/")
    shared = _shared(request, viewer)

    def found(session: Session) -> dict[str, Any]:
        last_event_id = events.freeze(session)
        task = tasks.resolve(session, wanted)
        shown = detail.read(session, task, caller=viewer, settings=settings_of(request))
        return {"last_event_id": last_event_id, "detail": shown}

    try:
        values = await read(request, found)
    except TaskNotFound:
        what = f"production task “{wanted[:300]}”"
        return await pages.show(request, "missing.html", viewer, status=404, what=what)
    except AmbiguousIdentity as several:
        return await pages.show(
            request, "tasks_several.html", viewer, status=409, several=several, **shared
        )
    return await pages.show(request, "tasks_task.html", viewer, **values, **shared)


def _shared(request: Request, viewer: Caller) -> dict[str, Any]:
    settings, prefix = settings_of(request), links.prefix_of(request)
    monitor = settings.pcs.panda_monitor_url
    return {
        "known": pages.known(viewer),
        "is_relaxed": settings.pcs.relaxed,
        "monitor": lambda key: monitor.replace("{id}", str(key)) if monitor else "",
        "task_path": lambda reference: f"{prefix}/pcs/tasks/{quote(reference, safe='')}/",
        "did_path": lambda did: f"{prefix}/pcs/did/?did={quote(did, safe=':/')}",
        "task_api": lambda reference: f"{prefix}/pcs/api/prod-tasks/{quote(reference, safe='')}/",
        "monitor_template": monitor or "",
        "wording": wording,
        "step_labels": STEPS,
        "Phase": Phase,
        "Operation": Operation,
        "time_now": now(),
    }
