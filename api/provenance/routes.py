"""Provenance for programs: campaigns, DIDs and completion reports, and asking for each anew."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.http.access import Reader, Requester
from api.http.errors import Rejection, reading, writing
from api.http.sessions import session_of, settings_of
from api.http.silence import RestRoute
from api.provenance import schemas, services, views
from api.provenance.queries import campaigns, counts, dids, reports, rows
from api.provenance.queries.selection import COMPLETENESS, LARGEST_PAGE, Selection
from api.requests.views import Triggered, triggered
from flows.common.text import Text
from flows.provenance.domain.reports import as_csv

router = APIRouter(route_class=RestRoute, prefix="/api/provenance", tags=["provenance"])

_SOURCE: Final = "rest"
_MAX_ID: Final = 2**63 - 1


CampaignName = Annotated[
    Text, Path(max_length=5000, examples=["26.05.0"], description="Its name; `EVGEN`: the inputs.")
]


class PathFilters(BaseModel):
    """Which of a campaign's paths are wanted, as its page's address says it."""

    q: Text = Field("", description="Words that the path or DID contains; + is %2B.")
    finding: Text = Field("", description="found, missing or unknown")
    completeness: Text = Field("", description=f"one of {', '.join(COMPLETENESS)}")
    rse: Text = ""
    requestor: Text = ""
    priority: Text = ""
    detector: Text = ""
    rule: Text = ""
    stage: Text = ""
    stale: Text = ""


def stale_before(request: Request) -> datetime:
    """The time before which a sweep is stale."""
    return campaigns.stale_before(settings_of(request))


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
            counts=counts.summary(session, name),
            detector_configs=offered.detectors,
            stages=offered.stages,
            rses=offered.rses,
        )


@router.get("/campaigns/{name}/paths/", summary="List requested paths", responses=reading(404))
def list_paths(
    name: CampaignName, request: Request, _reader: Reader, filters: Annotated[PathFilters, Query()]
) -> schemas.PathsView:
    """Each requested path, once for each detector configuration that was found."""
    wanted = Selection.of({**filters.model_dump(), "campaign": name})
    before = stale_before(request)
    with session_of(request) as session:
        standing = campaigns.standing(session, name, stale_before=before)
        found = rows.every(session, wanted, stale_before=before)
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
        found = counts.unmatched(session, name)
        return [schemas.ProducedView.model_validate(each) for each in found]


@router.get("/campaigns/{name}/arrivals/", summary="Arrivals in a campaign", responses=reading(404))
def list_campaign_arrivals(
    name: CampaignName, request: Request, _reader: Reader
) -> list[schemas.ArrivalView]:
    """The campaign's datasets in bins of 12 h, by when the first replica was made."""
    with session_of(request) as session:
        campaigns.require(session, name)
        return counts.arrivals(session, name)


@router.post(
    "/campaigns/{name}/sweep/", status_code=202, summary="Sweep a campaign", responses=writing()
)
def sweep_campaign(name: CampaignName, request: Request, caller: Requester) -> Triggered:
    """The event `campaign_provenance_ready` announces the end; an open sweep is joined."""
    settings = settings_of(request)
    with session_of(request) as session:
        accepted = services.sweep(session, name, by=caller, source=_SOURCE, settings=settings)
    return triggered(accepted, settings)


@router.get("/arrivals/", summary="List arrivals between the last sweeps", responses=reading())
def list_arrivals(
    request: Request, _reader: Reader, limit: Annotated[int, Query(ge=1, le=1000)] = 100
) -> list[schemas.ArrivalsView]:
    """Newest first, by campaign; campaigns that PCS does not know are included and marked."""
    with session_of(request) as session:
        found = reports.arrivals(session, limit=limit)
        return [schemas.ArrivalsView.model_validate(each) for each in found]


# ------------------------------------------------------------------ DIDs


DidText = Annotated[
    Text,
    Query(
        max_length=5000,
        examples=["epic:/RECO/26.05.0/epic_craterlake/DIS/NC/10x100/minQ2=1"],
        description="scope:/name, exactly; in an address, + is written %2B.",
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
        dids.require_known(found)
        if found.knowledge is not dids.Knowledge.KNOWN:
            raise Rejection(404, {"detail": f"Nothing is known of {wanted}", **_live(found)})
        return views.did(found)


@router.post("/dids/", status_code=202, summary="Read a DID from Rucio", responses=writing())
def read_did(request: Request, caller: Requester, did: DidText) -> Triggered:
    """The event `rucio_did_ready` announces the end; then GET has the answer under `live`."""
    wanted = dids.parse(did)
    dids.require_reachable(wanted)
    with session_of(request) as session:
        accepted = services.read_did(session, wanted.scope, wanted.name, by=caller, source=_SOURCE)
    return triggered(accepted, settings_of(request))


def _live(found: dids.Detail) -> dict[str, Any]:
    """Whether it was read, so that `unknown` is not taken for `absent`."""
    live = found.live
    if live is None:
        return {"live": None}
    return {"live": {"is_there": live.is_there, "error": live.error}}


# ------------------------------------------------------------------ reports


ReportId = Annotated[int, Path(ge=1, le=_MAX_ID)]


class ReportForm(BaseModel):
    """Which campaign to report on; none: the current one."""

    model_config = ConfigDict(extra="forbid")

    campaign: Text | None = Field(None, max_length=100, examples=["26.05.0"])
    mail: bool = Field(True, description="Mail it, if a notification block is set.")


@router.get("/reports/", summary="List completion reports", responses=reading())
def list_reports(
    request: Request,
    _reader: Reader,
    campaign: Text | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[schemas.ReportView]:
    """Newest first, without their contents."""
    with session_of(request) as session:
        found = reports.reports(session, campaign=campaign, limit=limit)
        return [schemas.ReportView.model_validate(each) for each in found]


@router.post("/reports/", status_code=202, summary="Create a report", responses=writing())
def make_report(request: Request, caller: Requester, form: ReportForm | None = None) -> Triggered:
    """The event `completion_report_ready` announces the end."""
    asked, settings = form or ReportForm.model_validate({}), settings_of(request)
    with session_of(request) as session:
        accepted = services.report(
            session, asked.campaign, by=caller, source=_SOURCE, settings=settings,
            mail=asked.mail,
        )  # fmt: skip
    return triggered(accepted, settings)


@router.get(
    "/reports/{report_id}.md",
    summary="A report as Markdown",
    response_class=Response,
    responses=reading(404) | {200: {"content": {"text/markdown": {}}}},
)
def report_markdown(report_id: ReportId, request: Request, _reader: Reader) -> Response:
    """As it was mailed."""
    with session_of(request) as session:
        text = reports.report(session, report_id).markdown
    return Response(text, media_type="text/markdown; charset=utf-8")


@router.get(
    "/reports/{report_id}.csv",
    summary="A report as CSV",
    response_class=Response,
    responses=reading(404) | {200: {"content": {"text/csv": {}}}},
)
def report_table(report_id: ReportId, request: Request, _reader: Reader) -> Response:
    """A row for each requested path."""
    with session_of(request) as session:
        found = reports.report(session, report_id)
        name, text = f"completion-{found.campaign}-{found.id}.csv", as_csv.table(found.body)
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text, media_type="text/csv; charset=utf-8", headers=headers)


@router.get("/reports/{report_id}/", summary="One report", responses=reading(404))
def get_report(report_id: ReportId, request: Request, _reader: Reader) -> schemas.ReportDetailView:
    """With its contents."""
    with session_of(request) as session:
        return schemas.ReportDetailView.model_validate(reports.report(session, report_id))
