"""Datasets and their blocks."""

from __future__ import annotations

from typing import Final

from fastapi import Request, Response

from api.http.access import Reader
from api.http.errors import reading, writing
from api.http.forms import Sent, body
from api.http.sessions import session_of
from api.pcs import forms, views
from api.pcs.routes.common import PREFIX, Filter, PcsRouter, RowKey, Writer
from api.pcs.services import datasets

router = PcsRouter(prefix=f"{PREFIX}/datasets", tags=["datasets"])

_EXAMPLE: Final = {
    "detector_version": "26.02.0",
    "detector_config": "epic_craterlake",
    "physics_tag": "p3001",
    "evgen_tag": "e1",
    "simu_tag": "s1",
    "reco_tag": "r1",
}


@router.get("/", summary="List datasets", responses=reading())
def list_datasets(
    request: Request,
    _caller: Reader,
    stage: Filter | None = None,
    source_kind: Filter | None = None,
    status: Filter | None = None,
    campaign: Filter | None = None,
    name_contains: Filter | None = None,
) -> list[views.DatasetView]:
    """All blocks as a bare array, oldest first. `status` is that of their validation."""
    wanted = datasets.Wanted(
        stage=stage,
        source_kind=source_kind,
        status=status,
        campaign=campaign,
        name_contains=name_contains,
    )
    with session_of(request) as session:
        return [views.dataset_view(each) for each in datasets.datasets(session, wanted)]


@router.get("/{pk}/", summary="One block of a dataset", responses=reading(404))
def get_dataset(pk: RowKey, request: Request, _caller: Reader) -> views.DatasetView:
    """By its key."""
    with session_of(request) as session:
        return views.dataset_view(datasets.dataset(session, pk))


@router.post(
    "/",
    status_code=201,
    summary="Make a dataset",
    responses=writing(),
    openapi_extra=body(forms.DatasetForm, _EXAMPLE),
)
def add_dataset(request: Request, actor: Writer, sent: Sent) -> views.DatasetView:
    """Its first block, under the name that its tags compose."""
    values = sent.read(forms.DatasetForm)
    whole = {"scope": "group.EIC"} | values
    with session_of(request) as session:
        return views.dataset_view(datasets.add(session, whole, actor))


@router.post(
    "/intake/",
    summary="Take a dataset in from where it is",
    responses={**writing(), 201: {"model": views.DatasetView, "description": "It was made."}},
    openapi_extra=body(forms.DatasetIntakeForm, {"source_location": "EVGEN/DIS/NC/10x100.csv"}),
)
def take_dataset_in(
    request: Request, actor: Writer, sent: Sent, response: Response
) -> views.DatasetView:
    """200 where the source is known already; else 201."""
    values = {
        "source_kind": "csv_manifest",
        "scope": "group.EIC.evgen",
        "stage": "evgen",
    } | sent.read(forms.DatasetIntakeForm)
    with session_of(request) as session:
        dataset, is_new = datasets.take_in(session, values, actor)
        response.status_code = 201 if is_new else 200
        return views.dataset_view(dataset)


@router.post(
    "/{pk}/add-block/",
    status_code=201,
    summary="Add a block to a dataset",
    responses=writing(),
)
def add_block(pk: RowKey, request: Request, actor: Writer) -> views.DatasetView:
    """The new block; all blocks of the dataset count one more."""
    with session_of(request) as session:
        return views.dataset_view(datasets.add_block(session, pk, actor))
