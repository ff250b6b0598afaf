"""Tools for assistants: watches of the caller, and what they were told."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from api.http.tools.answers import MonitorUrl
from api.http.tools.arguments import LARGEST_ID, LARGEST_LIMIT, Limit, Name, Offset
from api.http.tools.calls import Call
from api.http.tools.declaration import Toolbox
from api.notifications import services, views
from api.notifications.routes.messages import seen_by
from api.notifications.views import NotificationView, WatchView
from api.pcs.queries import tasks
from flows.notifications.domain.words import DeliveryState, Outcome, SubjectKind
from flows.notifications.repository import listing, wishes
from flows.notifications.repository.listing import Filter
from flows.notifications.schemas import WatchForm

toolbox = Toolbox(advice={wishes.WatchNotFound: "list_my_watches has yours."})

Id = Annotated[int, Field(ge=1, le=LARGEST_ID)]


class Unwatched(BaseModel):
    """The watch that is removed."""

    id: int


class WatchLine(WatchView):
    """A watch, with a link."""

    url: str = Field(description="The page of what is watched.")


class Watches(BaseModel):
    """One's watches, and where one may be told."""

    address: str | None = Field(description="Your registered address.")
    channels: list[str] = Field(description="The channels that are open to watchers.")
    watches: list[WatchLine]
    has_more: bool
    monitor_urls: list[MonitorUrl]


class Told(BaseModel):
    """Notifications, the newest first."""

    items: list[NotificationView]
    has_more: bool = Field(description="Whether older ones follow: ask with `before`.")
    monitor_urls: list[MonitorUrl]


@toolbox.tool("list_my_watches")
def list_my_watches(
    call: Call,
    *,
    kind: SubjectKind | None = None,
    include_told: bool = False,
    limit: Limit = LARGEST_LIMIT,
    offset: Offset = 0,
) -> Watches:
    """What you watch, the newest first, and where you may be told: your address, open channels.

    Use it before `watch`, for the names of channels, and before `unwatch`, for the number.
    """
    found = services.watch_list(
        call.session,
        call.caller,
        kind=kind,
        is_live=not include_told,
        limit=limit + 1,
        offset=offset,
    )
    return Watches(
        address=found.address,
        channels=found.channels,
        watches=[_line(call, each) for each in found.watches[:limit]],
        has_more=len(found.watches) > limit,
        monitor_urls=[call.shown_at("What you watch", "/me/")],
    )


@toolbox.tool("watch", writes=True, is_idempotent=True)
def watch(call: Call, order: WatchForm) -> WatchLine:
    """Be told once when a task, dataset, campaign, path or request gets that far.

    The message goes to your own address or to a channel that is open to watchers. Use it instead
    of asking again and again; for what is to be told each time, make a rule on the page.
    """
    return _line(call, views.watch(*services.watch(call.session, call.caller, order)))


@toolbox.tool("unwatch", writes=True, is_idempotent=True)
def unwatch(call: Call, *, watch_id: Id) -> Unwatched:
    """Watch something no more; `list_my_watches` has the number."""
    wishes.remove_watch(call.session, watch_id, call.caller)
    return Unwatched(id=watch_id)


@toolbox.tool("list_notifications")
def list_notifications(
    call: Call,
    *,
    state: DeliveryState | None = None,
    outcome: Outcome | None = None,
    subject: Name | None = None,
    before: Annotated[Id | None, Field(description="Only older ones than this number.")] = None,
    limit: Limit = 50,
) -> Told:
    """What you were told, and what your rules told, the newest first, with what became of each.

    `unknown` is not `failed`: it was handed over, and may have arrived. With the scope operate,
    everybody's. What happened itself, also untold, `list_requests` and `list_messages` have.
    """
    wanted = Filter(
        seen_by=seen_by(call.caller),
        state=state,
        outcome=outcome,
        subject=_told_of(call, subject),
        before=before,
    )
    rows = listing.newest(call.session, wanted, limit + 1)
    return Told(
        items=[views.notification(each, call.caller) for each in rows[:limit]],
        has_more=len(rows) > limit,
        monitor_urls=[MonitorUrl(title="Notifications", url=call.link("/notifications/"))],
    )


def _line(call: Call, watch: WatchView) -> WatchLine:
    return WatchLine(**dict(watch), url=call.link(watch.path))


def _told_of(call: Call, name: str | None) -> str | None:
    """What messages call it: a task by its stored name, anything else as it was given."""
    known = tasks.known_as(call.session, name) if name is not None else []
    return known[0].name if len(known) == 1 else name
