"""PCS's routes to provenance (ops contract sections 1.8, 1.10), which queue requests.

They come before the routes of one campaign or task, since names there take the rest of the path.
"""

from __future__ import annotations

from typing import Literal

from fastapi import Request
from pydantic import BaseModel

from api.http.sessions import session_of, settings_of
from api.pcs.routes.common import PREFIX, Name, PcsRouter, Writer
from api.provenance import services

router = PcsRouter(prefix=PREFIX, tags=["provenance"])

_SOURCE = "rest"


class Queued(BaseModel):
    """The request is queued; an event announces its end."""

    status: Literal["queued"] = "queued"


@router.writes(
    "/prod-tasks/rucio-snapshot-update/", "Sweep the producing campaigns in Rucio", status_code=202
)
def update_snapshot(request: Request, actor: Writer) -> Queued:
    """The event `rucio_snapshot_ready` announces the end, whether it succeeded or failed."""
    with session_of(request) as session:
        services.snapshot(session, by=actor.caller, source=_SOURCE, settings=settings_of(request))
    return Queued()


@router.writes(
    "/prod-tasks/evgen-rucio-update/", "Sweep the registered inputs in Rucio", status_code=202
)
def update_evgen(request: Request, actor: Writer) -> Queued:
    """The event `evgen_rucio_ready` announces the end, whether it succeeded or failed."""
    with session_of(request) as session:
        services.evgen(session, by=actor.caller, source=_SOURCE)
    return Queued()


@router.writes("/campaigns/{name}/sweep/", "Sweep one campaign in Rucio", status_code=202)
def sweep_campaign(name: Name, request: Request, actor: Writer) -> Queued:
    """The event `campaign_provenance_ready` announces the end. `EVGEN`: the inputs."""
    settings = settings_of(request)
    with session_of(request) as session:
        services.sweep(session, name, by=actor.caller, source=_SOURCE, settings=settings)
    return Queued()


@router.writes("/campaigns/{name}/report/", "Report how complete a campaign is", status_code=202)
def report_campaign(name: Name, request: Request, actor: Writer) -> Queued:
    """The event `completion_report_ready` announces the end. It is mailed if that is set up."""
    settings = settings_of(request)
    with session_of(request) as session:
        services.report(
            session, name, by=actor.caller, source=_SOURCE, settings=settings, mail=True
        )
    return Queued()
