"""DIDs for programs: what is known of one, and asking Rucio for it now."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from api.http.access import Reader, Writer
from api.http.errors import Rejection, reading, writing
from api.http.sessions import session_of, settings_of
from api.provenance import schemas, services, views
from api.provenance.queries import dids
from api.provenance.queries.selection import LARGEST_PAGE
from api.provenance.routes.campaigns import SOURCE
from api.requests.views import Triggered, triggered
from flows.common.text import Text

router = APIRouter(prefix="/api/provenance", tags=["provenance"])

DidText = Annotated[
    Text,
    Query(
        max_length=5000,
        examples=["epic:/RECO/26.05.0/epic_craterlake/DIS/NC/10x100/minQ2=1"],
        description="scope:/name",
    ),
]


@router.get("/dids/", summary="One DID as last read", responses=reading(404))
def get_did(
    request: Request,
    _reader: Reader,
    did: DidText,
    page: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = 1,
) -> schemas.DidView:
    """As the last sweep and the last reading have it, with 100 files a page, and its lineage."""
    wanted = dids.parse(did)
    with session_of(request) as session:
        found = dids.read(session, wanted, page=page)
        if found.knowledge is not dids.Knowledge.KNOWN:
            raise Rejection(404, {"detail": f"Nothing is known of {wanted}", **_live(found)})
        return views.did(found)


@router.post("/dids/", status_code=202, summary="Read a DID from Rucio", responses=writing())
def read_did(request: Request, caller: Writer, did: DidText) -> Triggered:
    """The event `rucio_did_ready` announces the end; then GET has the answer under `live`."""
    wanted = dids.parse(did)
    with session_of(request) as session:
        accepted = services.read_did(
            session, wanted.scope, wanted.name, by=caller.name, source=SOURCE
        )
    return triggered(accepted, settings_of(request))


def _live(found: dids.Detail) -> dict[str, Any]:
    """Whether it was read, so that `unknown` is not taken for `absent`."""
    live = found.live
    if live is None:
        return {"live": None}
    return {"live": {"is_there": live.is_there, "error": live.error}}
