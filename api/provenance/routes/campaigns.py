"""Provenance for programs: what was produced of what was requested, and asking for a sweep."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request

from api.http.access import Reader, Writer
from api.http.errors import reading, writing
from api.http.sessions import session_of, settings_of
from api.provenance import schemas, services, views
from api.provenance.queries import campaigns, counts, reports, rows
from api.provenance.queries.selection import Selection
from api.requests.views import Triggered, triggered
from flows.common.text import Text

router = APIRouter(prefix="/api/provenance", tags=["provenance"])

SOURCE: Final = "rest"


CampaignName = Annotated[
    Text, Path(max_length=5000, examples=["26.05.0"], description="Its name; `EVGEN`: the inputs.")
]


def stale_before(request: Request) -> datetime:
    """The time before which a sweep is stale."""
    return campaigns.oldest_good(settings_of(request).provenance.stale_hours)


# ------------------------------------------------------------------ campaigns


@router.get("/campaigns/", summary="List campaigns with their last sweep", responses=reading())
def list_campaigns(request: Request, _reader: Reader) -> list[schemas.StandingView]:
    """Every campaign of PCS, and every one that was swept, with how the last sweep ended."""
    with session_of(request) as session:
        found = campaigns.standings(session, stale_before=stale_before(request))
        return [schemas.StandingView(**views.standing(each)) for each in found]


# Without their slash too: a campaign's name holds dots, and then none is put after it.
@router.get("/campaigns/{name}", include_in_schema=False)
@router.get("/campaigns/{name}/", summary="One campaign and its last sweep", responses=reading(404))
def get_campaign(name: CampaignName, request: Request, _reader: Reader) -> schemas.CampaignView:
    """What was requested, found and complete; when that was so, and what went wrong since."""
    with session_of(request) as session:
        found = campaigns.standing(session, name, stale_before=stale_before(request))
        offered = counts.choices(session, name)
        return schemas.CampaignView(
            **views.standing(found),
            counts=schemas.CountsView.model_validate(counts.summary(session, name)),
            detector_configs=offered.detectors,
            stages=offered.stages,
            rses=offered.rses,
        )


@router.get("/campaigns/{name}/paths/", summary="List requested paths", responses=reading(404))
def list_paths(
    name: CampaignName,
    request: Request,
    _reader: Reader,
    q: Annotated[Text, Query(description="Words that the path or DID contains.")] = "",
    finding: Annotated[Text, Query(description="found, missing or unknown")] = "",
    completeness: Annotated[Text, Query(description="complete or incomplete")] = "",
    rse: Text = "",
    requestor: Text = "",
    priority: Text = "",
    detector: Text = "",
    rule: Text = "",
    stage: Text = "",
    stale: Text = "",
) -> schemas.PathsView:
    """Each requested path, once for each detector configuration that was found."""
    asked = {
        "q": q, "finding": finding, "completeness": completeness, "rse": rse, "rule": rule,
        "requestor": requestor, "priority": priority, "detector": detector, "stage": stage,
        "stale": stale, "campaign": name,
    }  # fmt: skip
    before = stale_before(request)
    with session_of(request) as session:
        standing = campaigns.standing(session, name, stale_before=before)
        found = rows.every(session, Selection.of(asked), stale_before=before)
        error = views.standing(standing)["error"]
        results = list(views.paths(found, rows.suggestions(session, name), error))
    return schemas.PathsView(count=len(results), results=results)


@router.get(
    "/campaigns/{name}/unmatched/", summary="List unrequested datasets", responses=reading(404)
)
def list_unmatched(
    name: CampaignName, request: Request, _reader: Reader
) -> list[schemas.ProducedView]:
    """The campaign's datasets that count for no requested path."""
    with session_of(request) as session:
        campaigns.require(session, name)
        return [
            schemas.ProducedView.model_validate(each) for each in counts.unmatched(session, name)
        ]


@router.get("/campaigns/{name}/arrivals/", summary="Arrivals in a campaign", responses=reading(404))
def list_campaign_arrivals(
    name: CampaignName, request: Request, _reader: Reader
) -> list[schemas.ArrivalView]:
    """The campaign's datasets in bins of 12 h, by when the first replica was made."""
    with session_of(request) as session:
        campaigns.require(session, name)
        found = counts.arrivals(session, name)
        return [schemas.ArrivalView.model_validate(each) for each in found]


@router.post(
    "/campaigns/{name}/sweep/",
    status_code=202,
    summary="Sweep a campaign",
    responses=writing(),
)
def sweep_campaign(name: CampaignName, request: Request, caller: Writer) -> Triggered:
    """The event `campaign_provenance_ready` announces the end; an open sweep is joined."""
    settings = settings_of(request)
    with session_of(request) as session:
        accepted = services.sweep(session, name, by=caller.name, source=SOURCE, settings=settings)
    return triggered(accepted, settings)


@router.get("/arrivals/", summary="List arrivals between the last sweeps", responses=reading())
def list_arrivals(
    request: Request, _reader: Reader, limit: Annotated[int, Query(ge=1, le=1000)] = 100
) -> list[schemas.ArrivalsView]:
    """Newest first, by campaign; campaigns that PCS does not know are included and marked."""
    with session_of(request) as session:
        return [
            schemas.ArrivalsView.model_validate(each)
            for each in reports.arrivals(session, limit=limit)
        ]
