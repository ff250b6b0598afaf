"""The page of a DID: what the last sweep knows, its lineage, and what Rucio says now."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from api.assessments import queries as assessments
from api.http import pages
from api.http.sessions import read, session_of
from api.provenance import services
from api.provenance.pages.catalog import shared
from api.provenance.queries import dids
from api.provenance.queries.dids import BadDid, Detail, Did, Knowledge
from flows.common import events, requests
from flows.common.callers import Caller, Scope

router = APIRouter(route_class=pages.PageRoute, prefix="/pcs/did", include_in_schema=False)

_STATUS: Final = {
    Knowledge.KNOWN: 200,
    Knowledge.ASKED: 202,
    Knowledge.ABSENT: 404,
    Knowledge.UNANSWERED: 502,
}
_LARGEST_PAGE: Final = 100_000


@router.get("/")
async def did_page(request: Request, did: str = "", files: str = "", after: str = "") -> Response:
    """The DID of `did=scope:/name`. Opening it asks Rucio, unless it was asked just now.

    `after` is the event that a page which asks again has got to: that asks Rucio nothing.
    """
    return await _shown(request, partial(dids.parse, did), files=files, is_again=bool(after))


@router.get("/{scope}/{name:path}")
async def did_at_path(
    request: Request, scope: str, name: str, files: str = "", after: str = ""
) -> Response:
    """The same by path: `/pcs/did/epic/RECO/...`, with one slash or two before the name.

    One slash at the end is the address's: a name that has one is reached with `?did=`.
    """
    exact = name.removesuffix("/")
    wanted = partial(dids.checked, scope, exact if exact.startswith("/") else f"/{exact}")
    return await _shown(request, wanted, files=files, is_again=bool(after))


async def _shown(
    request: Request, wanted: Callable[[], Did], *, files: str, is_again: bool
) -> Response:
    viewer = await pages.viewer_of(request)
    try:
        did = wanted()
        if not is_again and viewer.may(Scope.REQUEST):
            await run_in_threadpool(_ask, request, did, viewer)
        found = await read(request, lambda session: _found(session, did, _number(files)))
        detail: Detail = found["detail"]
        dids.require_known(detail)
    except BadDid as error:
        return await pages.show(request, "did_bad.html", viewer, status=400, problem=str(error))
    return await pages.show(
        request,
        "did.html",
        viewer,
        status=_STATUS[detail.knowledge],
        **found,
        **shared(request, viewer),
        Knowledge=Knowledge,
        here_query=f"did={quote(str(did), safe=':/')}",
    )


def _ask(request: Request, did: Did, by: Caller) -> None:
    with session_of(request) as session:
        if dids.is_due(dids.read(session, did)):
            services.read_did(session, did.scope, did.name, by=by, source=requests.PAGE)


def _found(session: Session, did: Did, page: int) -> dict[str, Any]:
    last_event_id = events.freeze(session)
    detail = dids.read(session, did, page=page)
    assessed = assessments.shown_of(session, [("dataset", str(did))])
    return {"last_event_id": last_event_id, "detail": detail, "assessed": assessed}


def _number(text: str) -> int:
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(_LARGEST_PAGE))
    return max(1, min(int(text), _LARGEST_PAGE)) if is_number else 1
