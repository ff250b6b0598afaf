"""The root of PCS's REST: the collections, and where each is, as in the original."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request

from api.http.access import Reader
from api.http.errors import reading
from api.http.silence import RestRoute
from api.pcs.models import TagKind
from api.pcs.routes.common import PREFIX

COLLECTIONS: Final = (
    "physics-categories",
    *(f"{kind.word}-tags" for kind in TagKind),
    "campaigns",
    "datasets",
    "prod-configs",
    "prod-requests",
    "prod-tasks",
)
router = APIRouter(route_class=RestRoute, prefix=PREFIX)


@router.get("/", summary="The collections of PCS", tags=["pcs"], responses=reading())
def collections(request: Request, _caller: Reader) -> dict[str, str]:
    """The path of each by its name. A path leads through whichever proxy it came by."""
    return {name: f"{request.url.path}{name}/" for name in COLLECTIONS}
