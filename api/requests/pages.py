"""The requests: a live table, and a page for each."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from api.http import pages
from api.http.sessions import session_of, settings_of
from api.requests import queries
from api.requests.views import view, views
from flows.common import actions, events, models
from flows.common.models import RequestState
from flows.common.text import Text

router = APIRouter(route_class=pages.PageRoute, prefix="/requests", include_in_schema=False)

_SHOWN: Final = 50
_LARGEST_ID: Final = 2**63 - 1


@router.get("/")
async def list_requests(
    request: Request,
    action: Text = "",
    state: Text = "",
    requested_by: Text = "",
    before: Annotated[int | None, Query(ge=0, le=_LARGEST_ID)] = None,
    open: bool = False,  # noqa: A002, FBT001, FBT002 - the query's word
) -> Response:
    """What is open, then the newest that ended; or what follows one that is open or ended."""
    wanted = queries.Filter(
        action=action or None, state=state or None, requested_by=requested_by or None
    )
    viewer = await pages.viewer_of(request)
    place = queries.BEGIN if before is None else queries.Place(before, is_open=open)
    found = await run_in_threadpool(_list, request, wanted, place)
    return await pages.show(
        request,
        "requests.html",
        viewer,
        **found,
        action=action,
        state=state,
        requested_by=requested_by,
        actions=sorted(actions.all_actions()),
        states=[each.value for each in RequestState],
    )


@router.get("/{request_id}/")
async def show_request(request: Request, request_id: int) -> Response:
    """One request, with all that is known of it."""
    viewer = await pages.viewer_of(request)
    found = await run_in_threadpool(_get, request, request_id)
    template = "request.html" if found else "missing.html"
    what = f"request {request_id}"
    return await pages.show(
        request, template, viewer, status=200 if found else 404, what=what, **found
    )


def _list(request: Request, wanted: queries.Filter, place: queries.Place) -> dict[str, Any]:
    with session_of(request) as session:
        last_event_id = events.freeze(session)
        found = queries.following(session, wanted, place, _SHOWN + 1)
        rows = views(session, found, settings_of(request))
    last = rows[_SHOWN - 1] if len(rows) > _SHOWN else None
    older = queries.Place(last.id, is_open=last.state in models.OPEN) if last else None
    return {"last_event_id": last_event_id, "rows": rows[:_SHOWN], "older": older}


def _get(request: Request, request_id: int) -> dict[str, Any]:
    if not 0 <= request_id <= _LARGEST_ID:
        return {}
    with session_of(request) as session:
        last_event_id = events.freeze(session)
        row = session.get(models.Request, request_id)
        shown = view(session, row, settings_of(request)) if row else None
    return {"last_event_id": last_event_id, "row": shown} if shown else {}
