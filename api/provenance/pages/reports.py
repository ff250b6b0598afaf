"""Completion reports: the list, and a page for each."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy.orm import Session

from api.http import pages, search
from api.http.sessions import read
from api.provenance.pages.catalog import shared
from api.provenance.queries import campaigns, reports
from flows.common import events
from flows.provenance.models import EVGEN, CompletionReport

router = APIRouter(route_class=pages.PageRoute, prefix="/pcs/reports", include_in_schema=False)

_LARGEST_ID: Final = 2**63 - 1
CHANGES: Final = {
    "lost": "No longer found",
    "no_longer_complete": "No longer complete",
    "newly_found": "Newly found",
    "newly_complete": "Newly complete",
    "newly_requested": "Newly requested",
    "no_longer_requested": "No longer requested",
}
"""What may have changed since the report before, worst first."""


@router.get("/")
async def list_page(
    request: Request, campaign: Annotated[str, Query(max_length=5000)] = ""
) -> Response:
    """The newest reports, of one campaign or of all."""
    viewer = await pages.viewer_of(request)
    wanted = search.exact("campaign", campaign)
    found = await read(request, lambda session: _listed(session, wanted))
    return await pages.show(
        request, "reports.html", viewer, **found, **shared(request, viewer), campaign=wanted
    )


@router.get("/{report_id}/")
async def report_page(request: Request, report_id: str) -> Response:
    """One report: its table, what changed, what is incomplete, unmatched or wrong."""
    viewer = await pages.viewer_of(request)
    found = await read(request, lambda session: _detail(session, report_id))
    if not found:
        what = f"completion report “{report_id[:100]}”"
        return await pages.show(request, "missing.html", viewer, status=404, what=what)
    return await pages.show(
        request, "report.html", viewer, **found, **shared(request, viewer), changes=CHANGES
    )


def _listed(session: Session, campaign: str) -> dict[str, Any]:
    last_event_id = events.freeze(session)
    asked = campaigns.open_requests(session, "report_completion")
    known = [name for name in campaigns.known(session) if name != EVGEN]
    to_report = campaign or campaigns.shown_by_itself(session)
    return {
        "last_event_id": last_event_id,
        "rows": reports.reports(session, campaign=campaign or None),
        "known_campaigns": known,
        "to_report": to_report,
        "waiting": next((each for each in asked if each.subject in {to_report, "current"}), None),
    }


def _detail(session: Session, key: str) -> dict[str, Any]:
    is_key = key.isascii() and key.isdecimal() and len(key) < len(str(_LARGEST_ID))
    found = session.get(CompletionReport, int(key)) if is_key else None
    if found is None:
        return {}
    return {"report": found, "body": found.body, "next_id": reports.next_of(session, found)}
