"""The list of notifications over REST."""

from __future__ import annotations

from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Query, Request

from api.http import links
from api.http.access import Asker
from api.http.errors import reading
from api.http.sessions import session_of
from api.http.silence import RestRoute
from api.notifications import views
from api.notifications.routes.rules import NOBODY
from api.notifications.views import NotificationPage, NotificationView
from flows.common.callers import Caller, Scope
from flows.common.text import Text
from flows.notifications.domain.words import DeliveryState, Outcome
from flows.notifications.repository import listing
from flows.notifications.repository.listing import Filter

router = APIRouter(route_class=RestRoute, prefix="/api/notifications", tags=["notifications"])

_MAX_ID: Final = 2**63 - 1
_READING: Final = NOBODY | reading()
Id = Annotated[int, Query(ge=1, le=_MAX_ID)]
Name = Annotated[Text, Query(max_length=500)]


def seen_by(caller: Caller) -> str | None:
    """Whose notifications the caller sees: their own; whoever may operate sees all (None)."""
    return None if caller.may(Scope.OPERATE) else caller.name


@router.get("/", summary="Notifications, the newest first", responses=_READING)
def list_notifications(
    request: Request,
    caller: Asker,
    state: DeliveryState | None = None,
    outcome: Outcome | None = None,
    recipient: Name | None = None,
    name: Name | None = None,
    subject: Name | None = None,
    summary_id: Id | None = None,
    before: Id | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
) -> NotificationPage:
    """Your own, and those of rules that you wrote; with the scope `operate`, everybody's.

    What was held back names, as `summary_id`, the message that told of it.
    """
    wanted: dict[str, Any] = {
        "state": state, "outcome": outcome, "recipient": recipient, "name": name,
        "subject": subject, "summary_id": summary_id,
    }  # fmt: skip
    with session_of(request) as session:
        asked = Filter(seen_by=seen_by(caller), before=before, **wanted)
        rows = listing.newest(session, asked, limit + 1)
        shown = [views.notification(each, caller) for each in rows[:limit]]
    given = {key: value for key, value in wanted.items() if value is not None}
    more = {**given, "before": shown[-1].id, "limit": limit} if len(rows) > limit else None
    return NotificationPage(
        next=f"{links.here(request)}?{urlencode(more)}" if more else None, results=shown
    )


@router.get("/{notification_id}/", summary="A notification", responses=NOBODY | reading(404))
def get_notification(
    notification_id: Annotated[int, Path(ge=1, le=_MAX_ID)], request: Request, caller: Asker
) -> NotificationView:
    """What it says, and what became of it."""
    with session_of(request) as session:
        found = listing.get(session, notification_id, seen_by=seen_by(caller))
        return views.notification(found, caller)
