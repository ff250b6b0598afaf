"""Campaigns."""

from __future__ import annotations

from fastapi import Request

from api.http.errors import writing
from api.http.sessions import session_of, settings_of
from api.pcs.queries import datasets as queries
from api.pcs.routes.common import PREFIX, Name, PcsRouter, Writer, by_name
from api.pcs.routes.records import Records, add_routes
from api.pcs.schemas.datasets import CampaignForm
from api.pcs.services import campaigns
from api.pcs.views.catalogue import CampaignView, campaign_views

router = PcsRouter(prefix=PREFIX)

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
        find=queries.campaigns,
        get=queries.campaign,
        add=campaigns.add,
        change=campaigns.change,
        texts={
            "get": "By name or key.",
            "add": "It becomes the current one by set-current/ only.",
        },
    ),
)


@router.post(
    "/campaigns/{name}/set-current/",
    tags=["campaigns"],
    summary="Make a campaign current",
    responses=writing(),
)
def set_current(name: Name, request: Request, _actor: Writer) -> CampaignView:
    """The campaign that was current becomes a past one."""
    with session_of(request) as session:
        found = campaigns.set_current(session, name)
        return campaign_views(session, [found], settings_of(request))[0]
