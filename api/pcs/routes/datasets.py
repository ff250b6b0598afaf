"""Datasets and their blocks."""

from __future__ import annotations

from fastapi import Request, Response

from api.http.errors import writing
from api.http.forms import Sent, body
from api.http.sessions import session_of
from api.pcs.queries import datasets as queries
from api.pcs.routes.common import PREFIX, PcsRouter, RowKey, Writer
from api.pcs.routes.records import Records, add_routes
from api.pcs.schemas.datasets import DatasetForm, DatasetIntakeForm
from api.pcs.services import datasets
from api.pcs.views.catalogue import DatasetView, dataset_view, dataset_views

router = PcsRouter(prefix=PREFIX)

add_routes(
    router,
    Records(
        prefix="/datasets",
        name="dataset",
        words="dataset",
        view=DatasetView,
        show=dataset_views,
        form=DatasetForm,
        example={
            "detector_version": "26.02.0",
            "detector_config": "epic_craterlake",
            "physics_tag": "p3001",
            "evgen_tag": "e1",
            "simu_tag": "s1",
            "reco_tag": "r1",
        },
        filters=queries.DatasetFilter,
        find=queries.datasets,
        get=queries.dataset,
        add=datasets.add,
        texts={
            "list": "All blocks as a bare array, oldest first. `status` is the validation status.",
            "add": "Its first block, under the name that its tags compose.",
        },
    ),
)


@router.post(
    "/datasets/intake/",
    tags=["datasets"],
    summary="Register a dataset from its source",
    responses={**writing(), 201: {"model": DatasetView, "description": "Created."}},
    openapi_extra=body(DatasetIntakeForm, {"source_location": "EVGEN/DIS/NC/10x100.csv"}),
)
def take_dataset_in(request: Request, actor: Writer, sent: Sent, response: Response) -> DatasetView:
    """200 where the source is known already; else 201."""
    values = sent.read(DatasetIntakeForm)
    with session_of(request) as session:
        dataset, is_new = datasets.take_in(session, values, actor)
        response.status_code = 201 if is_new else 200
        return dataset_view(dataset)


@router.post(
    "/datasets/{pk}/add-block/",
    tags=["datasets"],
    status_code=201,
    summary="Add a block to a dataset",
    responses=writing(),
)
def add_block(pk: RowKey, request: Request, actor: Writer) -> DatasetView:
    """The new block; all blocks of the dataset count one more."""
    with session_of(request) as session:
        return dataset_view(datasets.add_block(session, pk, actor))
