"""Watches over REST: "tell me" of one thing, once.

They are served twice: the site's external proxy passes on nothing but paths below `/pcs/`.
"""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request, Response

from api.http.access import Asker
from api.http.errors import reading, writing
from api.http.sessions import session_of
from api.http.silence import RestRoute
from api.notifications import services, views
from api.notifications.routes.rules import NOBODY
from api.notifications.views import WatchList, WatchView
from flows.common.text import Text
from flows.notifications.domain.words import SubjectKind
from flows.notifications.repository import wishes
from flows.notifications.schemas import WatchForm

router = APIRouter(route_class=RestRoute, tags=["notifications"])

_MAX_ID: Final = 2**63 - 1
_REST: Final = "/api/watches"
_PCS: Final = "/pcs/api/watches"
_WRITING: Final = NOBODY | writing()
WatchId = Annotated[int, Path(ge=1, le=_MAX_ID)]


@router.get(f"{_PCS}/", include_in_schema=False)
@router.get(f"{_REST}/", summary="What you watch", responses=NOBODY | reading())
def list_watches(
    request: Request,
    response: Response,
    caller: Asker,
    kind: SubjectKind | None = None,
    subject: Annotated[Text | None, Query(max_length=500)] = None,
    live: Annotated[  # noqa: FBT002 - the query's word
        bool, Query(description="Only what you were not told of yet.")
    ] = False,
) -> WatchList:
    """The newest first; and where you may be told: your address, and the channels open to all."""
    response.headers["Cache-Control"] = "no-store"
    with session_of(request) as session:
        return services.watch_list(session, caller, kind=kind, subject=subject, is_live=live)


@router.post(f"{_PCS}/", include_in_schema=False)
@router.post(f"{_REST}/", summary="Watch something", responses=_WRITING)
def add_watch(request: Request, caller: Asker, form: WatchForm) -> WatchView:
    """You are told once. The same again is the same watch; one that has told you is in force again.

    What is true already is told at once.
    """
    with session_of(request) as session:
        return views.watch(*services.watch(session, caller, form))


@router.delete(f"{_PCS}/{{watch_id}}/", status_code=204, include_in_schema=False)
@router.delete(
    f"{_REST}/{{watch_id}}/", status_code=204, summary="Watch it no more", responses=_WRITING
)
def remove_watch(watch_id: WatchId, request: Request, caller: Asker) -> None:
    """A watch of yours; 404 where you have none of that number."""
    with session_of(request) as session:
        wishes.remove_watch(session, watch_id, caller)
