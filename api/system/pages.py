"""The state of the system, live, with the messages that wait for somebody's decision."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy.orm import Session

from api.http import pages
from api.http.sessions import read, settings_of
from api.system.domain import EXPIRES_SOON, is_usable
from api.system.queries import events, overview, queues, set_aside
from api.system.queries.set_aside import Wanted
from flows.common.callers import Caller, ScopeMissing
from flows.common.messages import msg_type_of, of_capabilities
from flows.common.run_states import LIFECYCLE
from flows.messages.actions import SETTLE_MESSAGE

router = APIRouter(route_class=pages.PageRoute, prefix="/system", include_in_schema=False)

_LARGEST_ID: Final = 2**63 - 1
_OTHERS: Final = frozenset(
    {
        *LIFECYCLE, "flow_run_state", "prodtask_changed", "stf_gen", "stf_ready", "slice",
        "processing_complete",
    }
)  # fmt: skip
"""Types of events that no flow announces: the relay, PCS and the testbed's agents do."""


@router.get("/")
async def system_page(
    request: Request,
    all: bool = False,  # noqa: A002, FBT001, FBT002 - the query's word
    before: Annotated[int, Query(ge=1, le=_LARGEST_ID)] = _LARGEST_ID,
) -> Response:
    """The page; `all` and `before` say which of the messages that were set aside it lists."""
    viewer = await pages.viewer_of(request)
    wanted = Wanted(is_all=all, before=before)

    def found(session: Session) -> dict[str, Any]:
        shown = overview.read(session, settings_of(request))
        return {
            "shown": shown,
            "types": sorted(_followed() | events.recent_types(session)),
            **_aside(session, wanted),
        }

    return await pages.show(
        request,
        "system.html",
        viewer,
        **await read(request, found),
        wanted=wanted,
        against=_against(viewer),
        known=pages.known(viewer),
        is_usable=is_usable,
        soon_seconds=EXPIRES_SOON.total_seconds(),
    )


def _followed() -> set[str]:
    """The types of events that may come, though none has lately."""
    return {*_OTHERS, *(msg_type_of(each) for each in of_capabilities())}


def _aside(session: Session, wanted: Wanted) -> dict[str, Any]:
    rows = set_aside.page(session, wanted, queues.SHOWN + 1)
    shown = rows[: queues.SHOWN]
    return {
        "aside": shown,
        "older": shown[-1].id if len(rows) > len(shown) else None,
        "aside_count": set_aside.count(session, wanted),
    }


def _against(viewer: Caller) -> str:
    """Why the viewer cannot settle a message; empty where they can, or can sign in for it."""
    if not viewer.is_known:
        return ""
    try:
        viewer.require(SETTLE_MESSAGE.scope, "Settling a message")
    except ScopeMissing as missing:
        return str(missing)
    return ""
