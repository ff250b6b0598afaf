"""The list of notifications: what was told to whom, what was held back, what failed and why."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from api.http import pages, search
from api.http.sessions import read
from api.notifications import views
from api.notifications.routes.messages import seen_by
from flows.common.callers import Caller
from flows.common.events import freeze
from flows.notifications.domain.words import WAITING, DeliveryState, Outcome
from flows.notifications.models import Notification
from flows.notifications.repository import listing
from flows.notifications.repository.listing import Filter

router = APIRouter(route_class=pages.PageRoute, prefix="/notifications", include_in_schema=False)

_SHOWN: Final = 50
_LARGEST_ID: Final = 2**63 - 1
STATES: Final = {
    DeliveryState.PENDING: ("waits", "warn"),
    DeliveryState.SENDING: ("being sent", "warn"),
    DeliveryState.SENT: ("sent", "good"),
    DeliveryState.FAILED: ("failed", "bad"),
    DeliveryState.UNKNOWN: ("unknown", "bad"),
    DeliveryState.HELD: ("held back", "still"),
}
"""What became of a message, in words, and how good that is."""
TONES: Final = {
    Outcome.COMPLETED: "good",
    Outcome.FAILED: "bad",
    Outcome.UNKNOWN: "bad",
    Outcome.CANCELLED: "still",
    Outcome.NOTED: "still",
}


@router.get("/")
async def list_page(request: Request) -> Response:
    """The newest of a filter, or those before one; the filter is in the address."""
    viewer = await pages.viewer_of(request)
    if not viewer.is_known:
        raise pages.LoginNeeded
    asked = _asked(request)
    found = await read(request, lambda session: _found(session, viewer, asked))
    given = {name: value for name, value in asked.items() if value and name != "before"}
    return await pages.show(
        request,
        "notifications.html",
        viewer,
        **found,
        asked=asked,
        is_filtered=bool(given),
        query=lambda **changed: urlencode(given | changed),
        states=STATES,
        tones=TONES,
        outcomes=[each.value for each in Outcome],
        is_operator=seen_by(viewer) is None,
        error_of=lambda row: views.error_of(row, viewer),
    )


def _asked(request: Request) -> dict[str, Any]:
    """What the address asks for.

    Raises:
        BadQuery: It cannot be meant.
    """
    given = request.query_params
    return {
        "state": search.one_of("state", given.get("state", ""), tuple(DeliveryState)),
        "outcome": search.one_of("outcome", given.get("outcome", ""), tuple(Outcome)),
        "recipient": search.exact("recipient", given.get("recipient", "").strip()),
        "name": search.exact("name", given.get("name", "").strip()),
        "subject": search.exact("subject", given.get("subject", "").strip()),
        "summary": _number(given.get("summary", "")),
        "before": _number(given.get("before", "")),
    }


def _number(text: str) -> int | None:
    is_number = text.isascii() and text.isdecimal() and len(text) < len(str(_LARGEST_ID))
    return int(text) if is_number else None


def _found(session: Session, viewer: Caller, asked: dict[str, Any]) -> dict[str, Any]:
    last_event_id = freeze(session)
    given = {name: value or None for name, value in asked.items()}
    wanted = Filter(seen_by=seen_by(viewer), summary_id=given.pop("summary"), **given)
    rows = listing.newest(session, wanted, _SHOWN + 1)
    return {
        "last_event_id": last_event_id,
        "rows": rows[:_SHOWN],
        "older": rows[_SHOWN - 1].id if len(rows) > _SHOWN else None,
        "is_open": any(_waits(each) for each in rows),
    }


def _waits(row: Notification) -> bool:
    return row.state in WAITING
