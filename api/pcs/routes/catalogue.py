"""The catalogue but for its tags: campaigns, datasets, configurations and production requests."""

from __future__ import annotations

from functools import partial

from fastapi import Request, Response

from api.http.errors import writing
from api.http.forms import Sent
from api.http.sessions import session_of, settings_of
from api.pcs.models import Campaign, ProdConfig, ProdRequest
from api.pcs.queries import catalogue as queries
from api.pcs.queries.rows import by_key, listed
from api.pcs.routes.common import PREFIX, Name, PcsRouter, RowKey, Writer, by_name
from api.pcs.routes.records import Records, add_routes
from api.pcs.schemas.catalogue import (
    CampaignForm,
    DatasetForm,
    DatasetIntakeForm,
    ProdConfigForm,
    ProdRequestForm,
)
from api.pcs.services import campaigns, datasets, production
from api.pcs.views.catalogue import (
    CampaignView,
    DatasetView,
    ProdConfigView,
    ProdRequestView,
    campaign_views,
)

router = PcsRouter(prefix=PREFIX)

# ------------------------------------------------------------------ campaigns

add_routes(
    router,
    Records(
        prefix="/campaigns",
        name="campaign",
        words="campaign",
        view=CampaignView,
        show=campaign_views,
        form=CampaignForm,
        example={"name": "26.05.0"},
        changes_example={"end_date": "2026-08-31"},
        key="{name}",
        read_key=by_name,
        filters=queries.CampaignFilter,
        find=partial(listed, model=Campaign),
        get=queries.campaign,
        add=campaigns.add,
        change=campaigns.change,
        texts={
            "get": "By name or key.",
            "add": "It becomes the current one by set-current/ only.",
        },
    ),
)


@router.writes("/campaigns/{name}/set-current/", "Make a campaign current", tags=["campaigns"])
def set_current(name: Name, request: Request, _actor: Writer) -> CampaignView:
    """The campaign that was current becomes a past one."""
    with session_of(request) as session:
        found = campaigns.set_current(session, name)
        return campaign_views(session, [found], settings_of(request))[0]


# ------------------------------------------------------------------ datasets and their blocks

add_routes(
    router,
    Records(
        prefix="/datasets",
        name="dataset",
        words="dataset",
        view=DatasetView,
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


@router.writes(
    "/datasets/intake/",
    "Register a dataset from its source",
    DatasetIntakeForm,
    {"source_location": "EVGEN/DIS/NC/10x100.csv"},
    tags=["datasets"],
    responses={**writing(), 201: {"model": DatasetView, "description": "Created."}},
)
def take_dataset_in(request: Request, actor: Writer, sent: Sent, response: Response) -> DatasetView:
    """200 where the source is known already; else 201."""
    values = sent.read(DatasetIntakeForm)
    with session_of(request) as session:
        dataset, is_new = datasets.take_in(session, values, actor)
        response.status_code = 201 if is_new else 200
        return DatasetView.model_validate(dataset)


@router.writes(
    "/datasets/{pk}/add-block/", "Add a block to a dataset", tags=["datasets"], status_code=201
)
def add_block(pk: RowKey, request: Request, actor: Writer) -> DatasetView:
    """The new block; all blocks of the dataset count one more."""
    with session_of(request) as session:
        return DatasetView.model_validate(datasets.add_block(session, pk, actor))


# ------------------------------------------------------------------ configurations, requests

add_routes(
    router,
    Records(
        prefix="/prod-configs",
        tag="production configurations",
        name="config",
        words="configuration",
        view=ProdConfigView,
        form=ProdConfigForm,
        example={
            "name": "bnl-single",
            "container_image": "docker://eicweb/jug_xl:26.02.0-stable",
            "panda_site": "BNL_PanDA_1",
            "panda_working_group": "EIC.production",
            "data": {
                "exec_command": "./my_script.sh",
                "official": True,
                "n_jobs": 1,
                "no_build": True,
                "skip_scout": True,
                "outputs": "myout.txt",
            },
        },
        changes_example={"panda_site": "BNL_PanDA_2"},
        find=partial(listed, model=ProdConfig),
        get=lambda session, key: by_key(session, ProdConfig, key),
        add=production.add_config,
        change=production.change_config,
        delete=production.delete_config,
        texts={
            "add": "Every value that can reach a command is checked against its form.",
            "change": "409 where a locked task runs with it; `data` is replaced as a whole.",
            "delete": "409 where a task has it.",
        },
    ),
)
add_routes(
    router,
    Records(
        prefix="/prod-requests",
        tag="production requests",
        name="prod_request",
        words="production request",
        view=ProdRequestView,
        form=ProdRequestForm,
        example={
            "requestor": "inclusive",
            "simu_path": "EVGEN/DIS/NC/10x100",
            "nevents": 1_000_000,
            "priority": 1,
        },
        changes_example={"status": "review"},
        filters=queries.ProdRequestFilter,
        find=partial(listed, model=ProdRequest),
        get=lambda session, key: by_key(session, ProdRequest, key),
        add=production.add_request,
        change=production.change_request,
        delete=production.delete_request,
        texts={"add": "Its status is free text.", "delete": "Tasks that were made for it stay."},
    ),
)
