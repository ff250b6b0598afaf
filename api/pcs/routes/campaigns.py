"""Campaigns."""

from __future__ import annotations

from fastapi import Request

from api.http.access import Reader
from api.http.errors import reading, writing
from api.http.forms import Sent, body, partial
from api.http.sessions import session_of
from api.pcs import forms, views
from api.pcs.models import Lifecycle
from api.pcs.routes.common import PREFIX, Name, PcsRouter, Writer
from api.pcs.services import campaigns

router = PcsRouter(prefix=f"{PREFIX}/campaigns", tags=["campaigns"])


@router.get("/", summary="List campaigns", responses=reading())
def list_campaigns(
    request: Request, _caller: Reader, lifecycle: Lifecycle | None = None
) -> list[views.CampaignView]:
    """All as a bare array, oldest first."""
    with session_of(request) as session:
        found = campaigns.campaigns(session, lifecycle=lifecycle)
        return views.campaign_views(session, found)


@router.get("/{name}/", summary="One campaign", responses=reading(404))
def get_campaign(name: Name, request: Request, _caller: Reader) -> views.CampaignView:
    """By name or key."""
    with session_of(request) as session:
        return views.campaign_view(session, campaigns.campaign(session, name))


@router.post(
    "/",
    status_code=201,
    summary="Make a campaign",
    responses=writing(),
    openapi_extra=body(forms.CampaignForm, {"name": "26.05.0"}),
)
def add_campaign(request: Request, actor: Writer, sent: Sent) -> views.CampaignView:
    """It becomes the current one by set-current/ only."""
    values = sent.read(forms.CampaignForm)
    with session_of(request) as session:
        return views.campaign_view(session, campaigns.add(session, values, actor))


@router.patch(
    "/{name}/",
    summary="Change a campaign",
    responses=writing(),
    openapi_extra=body(partial(forms.CampaignForm), {"end_date": "2026-08-31"}),
)
def change_campaign(name: Name, request: Request, _actor: Writer, sent: Sent) -> views.CampaignView:
    """Only what was sent changes."""
    values = sent.read(partial(forms.CampaignForm))
    with session_of(request) as session:
        return views.campaign_view(session, campaigns.change(session, name, values))


@router.post("/{name}/set-current/", summary="Make a campaign current", responses=writing())
def set_current(name: Name, request: Request, _actor: Writer) -> views.CampaignView:
    """The one that was current is past."""
    with session_of(request) as session:
        return views.campaign_view(session, campaigns.set_current(session, name))
