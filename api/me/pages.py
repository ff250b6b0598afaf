"""The page of what is one's own: tasks, requests, watches, address and tokens."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from api.http import links, pages
from api.http.sessions import read, settings_of
from api.me import queries
from api.me.views import DEFAULT_DAYS, MEANS, SCOPES
from api.requests.views import views
from flows.common.callers import Caller, Means
from flows.common.database import now
from flows.common.events import freeze
from flows.common.own_tokens import MOST_DAYS
from flows.notifications.repository import wishes

router = APIRouter(route_class=pages.PageRoute, prefix="/me", include_in_schema=False)


@router.get("/")
async def show_me(request: Request) -> Response:
    """What is the viewer's own; who is not known signs in first."""
    viewer = await pages.viewer_of(request)
    if not viewer.is_known:
        raise pages.LoginNeeded
    found = await read(request, lambda session: _found(session, request, viewer))
    prefix = links.prefix_of(request)
    return await pages.show(
        request,
        "me.html",
        viewer,
        **found,
        known=pages.known(viewer),
        means=MEANS.get(viewer.means, viewer.means.value),
        is_by_token=viewer.means is not Means.PROXY,
        scope_words={scope.value: words for scope, words in SCOPES.items()},
        most_days=MOST_DAYS,
        default_days=DEFAULT_DAYS,
        task_path=lambda name: f"{prefix}/pcs/tasks/{quote(name, safe='')}/",
    )


def _found(session: Session, request: Request, viewer: Caller) -> dict[str, Any]:
    last_event_id = freeze(session)
    tokens = queries.tokens(session, viewer)
    task_count, tasks = queries.tasks(session, viewer.name)
    request_count, requests = queries.own_requests(session, viewer.name)
    own = next((each for each in tokens if each.is_current), None)
    ends = own.expires_at if own is not None else None
    return {
        "last_event_id": last_event_id,
        "tokens": tokens,
        "own_token": own,
        "own_days": None if ends is None else max(0, (ends - now()).days),
        "watches": queries.watches(session, viewer.name),
        "address": wishes.address_of(session, viewer.name),
        "task_count": task_count,
        "tasks": tasks,
        "request_count": request_count,
        "requests": views(session, requests, settings_of(request)),
    }
