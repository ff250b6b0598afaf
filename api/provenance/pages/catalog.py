"""The catalog of a campaign: requested against produced, live while it is swept."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from itertools import chain
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from api.assessments import queries as assessments
from api.http import links, pages, wording
from api.http.access import gatekeeper
from api.http.search import BadQuery
from api.http.sessions import read, settings_of
from api.provenance import export
from api.provenance.queries import campaigns, counts, dids, rows
from api.provenance.queries.selection import COMPLETENESS, NO_REQUESTOR, Selection
from api.provenance.routes import stale_before
from blocks import did_names
from blocks.errors import NotFound
from flows.common import events
from flows.common.callers import Caller
from flows.common.database import now
from flows.provenance.models import EVGEN, Finding, Rule

router = APIRouter(route_class=pages.PageRoute, prefix="/pcs", include_in_schema=False)


@router.get("/catalog/")
async def catalog_page(request: Request) -> Response:
    """The rows of a selection, a page at a time; everything is in the address."""
    viewer = await pages.viewer_of(request)
    wanted = Selection.of(dict(request.query_params))
    try:
        found = await read(request, lambda session: _page(session, wanted, stale_before(request)))
    except NotFound as error:
        return await pages.show(
            request, "catalog_none.html", viewer, status=404, problem=str(error),
            known=getattr(error, "known", []),
        )  # fmt: skip
    if found is None:
        return await pages.show(request, "catalog_none.html", viewer, problem="", known=[])
    return await pages.show(
        request, "catalog.html", viewer, **found, **shared(request, viewer),
        page_size=rows.PAGE_SIZE, no_requestor=NO_REQUESTOR, evgen=EVGEN,
        findings=[each.value for each in Finding], rules=list(Rule)[:3],
        completeness=COMPLETENESS,
    )  # fmt: skip


@router.get("/catalog.csv")
async def catalog_csv(request: Request) -> Response:
    """All rows of a selection as CSV."""
    return await _export(request, export.as_csv, "csv", "text/csv; charset=utf-8")


@router.get("/catalog.json")
async def catalog_json(request: Request) -> Response:
    """All rows of a selection as JSON."""
    return await _export(request, export.as_json, "json", "application/json")


async def _export(request: Request, form: export.Format, suffix: str, media_type: str) -> Response:
    """The rows as a file, named for their campaign; 404 as text where there is none."""
    await gatekeeper(request).reader(request)
    try:
        wanted = Selection.of(dict(request.query_params))
        named = await read(request, lambda session: _named(session, wanted))
    except BadQuery as error:
        return Response(f"{error}\n", 400, media_type="text/plain")
    except NotFound as error:
        return Response(f"{error}\n", 404, media_type="text/plain")
    if named is None:
        return Response("There is no campaign yet.\n", 404, media_type="text/plain")
    name = "".join(each if each.isalnum() or each in "._-" else "_" for each in named.campaign)
    headers = {
        "Content-Disposition": f'attachment; filename="catalog-{name}.{suffix}"',
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    pieces = form(request.app.state.engine, named, stale_before(request))
    # Read before the answer begins, so that a database that is away is a 503.
    first = await run_in_threadpool(next, pieces)
    return StreamingResponse(chain([first], pieces), media_type=media_type, headers=headers)


def _named(session: Session, wanted: Selection) -> Selection | None:
    name = wanted.campaign or campaigns.shown_by_itself(session)
    if name is None:
        return None
    campaigns.require(session, name)
    return replace(wanted, campaign=name)


def _page(session: Session, asked: Selection, stale_before: datetime) -> dict[str, Any] | None:
    last_event_id = events.freeze(session)
    wanted = _named(session, asked)
    if wanted is None:
        return None
    name = wanted.campaign
    return {
        "last_event_id": last_event_id,
        "wanted": wanted,
        "stale_before": stale_before,
        "standing": campaigns.standing(session, name, stale_before=stale_before),
        "names": _offered(session, name),
        "summary": counts.summary(session, name),
        "choices": counts.choices(session, name),
        "listing": rows.page(session, wanted, stale_before=stale_before),
        "unmatched": counts.unmatched(session, name),
        "assessed": assessments.shown_of(session, [("campaign", name)]),
        "arrivals": [
            {"at": each.at.isoformat(), "stage": each.stage, "datasets": each.datasets,
             "files": each.files, "bytes": each.size_bytes}
            for each in counts.arrivals(session, name)
        ],
    }  # fmt: skip


def _offered(session: Session, name: str) -> list[str]:
    names = [each for each in campaigns.known(session) if each != EVGEN]
    return [*names, EVGEN] if name in {*names, EVGEN} else [name, *names, EVGEN]


# ------------------------------------------------------------------ shared with the other pages


def shared(request: Request, viewer: Caller) -> dict[str, Any]:
    """What the templates of provenance share: the viewer, and links."""
    prefix = links.prefix_of(request)
    settings = settings_of(request)
    monitor = settings.pcs.panda_monitor_url
    return {
        "known": pages.known(viewer),
        "has_tasks": settings.pcs.url is None,
        "did_path": lambda did: _did_path(prefix, did),
        "unreachable": lambda did: did_names.unreachable(did.partition(":")[2]),
        "task_path": lambda name: f"{prefix}/pcs/tasks/{quote(name, safe='')}/",
        "monitor": lambda key: monitor.replace("{id}", str(key)) if monitor else "",
        "pcs_api": f"{prefix}/pcs/api/",
        "segment": lambda text: quote(text, safe=""),
        "wording": wording,
        "time_now": now(),
    }


def _did_path(prefix: str, did: str) -> str | None:
    """Where the DID's page is; None where its name has signs that no page is for."""
    try:
        found = dids.parse(did)
    except dids.BadDid:
        return None
    return f"{prefix}/pcs/did/?did={quote(str(found), safe=':/')}"
