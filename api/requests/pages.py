"""The requests: a live table, and a page for each."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import Engine
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from api.http import pages
from api.requests.views import RequestView, view
from flows.common import actions, events, models, requests
from flows.common.database import transaction
from flows.common.models import RequestState

router = APIRouter(route_class=pages.PageRoute, prefix="/requests", include_in_schema=False)

_SHOWN: Final = 50
_LARGEST_ID: Final = 2**63 - 1


@router.get("/")
async def list_requests(
    request: Request,
    action: str = "",
    state: str = "",
    before: Annotated[int, Query(ge=0, le=_LARGEST_ID)] = _LARGEST_ID,
) -> Response:
    """The newest requests, or those before one."""
    wanted = requests.Filter(action=action or None, state=state or None)
    viewer = await pages.viewer_of(request)
    found = await run_in_threadpool(_list, request, wanted, before)
    return await pages.show(
        request,
        "requests.html",
        viewer,
        **found,
        action=action,
        state=state,
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


def _list(request: Request, wanted: requests.Filter, before: int) -> dict[str, Any]:
    query = requests.matching(wanted).where(models.Request.id < before).limit(_SHOWN + 1)
    with transaction(_engine(request)) as session:
        last_event_id = events.freeze(session)
        rows = [_view(request, row) for row in session.scalars(query)]
    older = rows[_SHOWN - 1].id if len(rows) > _SHOWN else None
    return {"last_event_id": last_event_id, "rows": rows[:_SHOWN], "older": older}


def _get(request: Request, request_id: int) -> dict[str, Any]:
    if not 0 <= request_id <= _LARGEST_ID:
        return {}
    with transaction(_engine(request)) as session:
        last_event_id = events.freeze(session)
        row = _find(session, request_id)
        return {"last_event_id": last_event_id, "row": _view(request, row)} if row else {}


def _find(session: Session, request_id: int) -> models.Request | None:
    try:
        return requests.get(session, request_id)
    except requests.RequestNotFound:
        return None


def _view(request: Request, row: models.Request) -> RequestView:
    return view(row, request.app.state.settings)


def _engine(request: Request) -> Engine:
    engine: Engine = request.app.state.engine
    return engine
