"""Production requests."""

from __future__ import annotations

from typing import Final

from fastapi import Request

from api.http.access import Reader
from api.http.errors import reading, writing
from api.http.forms import Sent, body, partial
from api.http.sessions import session_of
from api.pcs import views
from api.pcs.forms import ProdRequestForm
from api.pcs.routes.common import PREFIX, Filter, PcsRouter, RowKey, Writer
from api.pcs.services import prod_requests

router = PcsRouter(prefix=f"{PREFIX}/prod-requests", tags=["production requests"])

_EXAMPLE: Final = {
    "requestor": "inclusive",
    "simu_path": "EVGEN/DIS/NC/10x100",
    "nevents": 1_000_000,
    "priority": 1,
}


@router.get("/", summary="List production requests", responses=reading())
def list_prod_requests(
    request: Request, _caller: Reader, status: Filter | None = None
) -> list[views.ProdRequestView]:
    """All as a bare array, oldest first."""
    with session_of(request) as session:
        found = prod_requests.prod_requests(session, status=status)
        return [views.prod_request_view(each) for each in found]


@router.get("/{pk}/", summary="One production request", responses=reading(404))
def get_prod_request(pk: RowKey, request: Request, _caller: Reader) -> views.ProdRequestView:
    """By its key."""
    with session_of(request) as session:
        return views.prod_request_view(prod_requests.prod_request(session, pk))


@router.post(
    "/",
    status_code=201,
    summary="Make a production request",
    responses=writing(),
    openapi_extra=body(ProdRequestForm, _EXAMPLE),
)
def add_prod_request(request: Request, actor: Writer, sent: Sent) -> views.ProdRequestView:
    """Its status is a free word."""
    values = sent.read(ProdRequestForm)
    with session_of(request) as session:
        return views.prod_request_view(prod_requests.add(session, values, actor))


@router.put(
    "/{pk}/",
    summary="Set the fields of a production request",
    responses=writing(),
    openapi_extra=body(ProdRequestForm, _EXAMPLE),
)
def replace_prod_request(
    pk: RowKey, request: Request, actor: Writer, sent: Sent
) -> views.ProdRequestView:
    """Fields that were not sent keep their values."""
    values = sent.read(ProdRequestForm)
    with session_of(request) as session:
        return views.prod_request_view(prod_requests.change(session, pk, values, actor))


@router.patch(
    "/{pk}/",
    summary="Change a production request",
    responses=writing(),
    openapi_extra=body(partial(ProdRequestForm), {"status": "review"}),
)
def change_prod_request(
    pk: RowKey, request: Request, actor: Writer, sent: Sent
) -> views.ProdRequestView:
    """Only what was sent changes."""
    values = sent.read(partial(ProdRequestForm))
    with session_of(request) as session:
        return views.prod_request_view(prod_requests.change(session, pk, values, actor))


@router.delete(
    "/{pk}/", status_code=204, summary="Delete a production request", responses=writing()
)
def delete_prod_request(pk: RowKey, request: Request, actor: Writer) -> None:
    """Tasks that were made for it stay."""
    with session_of(request) as session:
        prod_requests.delete(session, pk, actor)
