"""The state of the system over REST."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request, Response

from api.http.access import Reader
from api.http.sessions import read, session_of, settings_of
from api.http.silence import RestRoute
from api.system.queries import overview, set_aside
from api.system.queries.set_aside import Wanted
from api.system.views import SetAsideMessageView, SetAsideView, SystemView

router = APIRouter(route_class=RestRoute, prefix="/api/system", tags=["system"])

_MAX_ID: Final = 2**63 - 1
MessageNumber = Annotated[int, Path(ge=1, le=_MAX_ID)]


@router.get("/", summary="The state of the system")
async def get_system(request: Request, response: Response, _reader: Reader) -> SystemView:
    """Parts, agents, queues, open and failed requests, messages set aside, events, credentials."""
    response.headers["Cache-Control"] = "no-store"
    return await read(request, lambda session: overview.read(session, settings_of(request)))


@router.get("/set-aside/", summary="Messages that were set aside")
def list_set_aside(
    request: Request,
    _reader: Reader,
    all: bool = False,  # noqa: A002, FBT001, FBT002 - the query's word
    before: Annotated[int, Query(ge=1, le=_MAX_ID, description="Older than this one.")] = _MAX_ID,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
) -> list[SetAsideView]:
    """The newest first; only those that nobody has settled, unless `all` is set."""
    with session_of(request) as session:
        return set_aside.page(session, Wanted(is_all=all, before=before), limit)


@router.get("/set-aside/{message}/", summary="One message that was set aside")
def get_set_aside(message: MessageNumber, request: Request, _reader: Reader) -> SetAsideMessageView:
    """With all that was kept of its body. To settle it, request the action `settle_message`."""
    with session_of(request) as session:
        return set_aside.get(session, message)
