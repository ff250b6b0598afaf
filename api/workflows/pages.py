"""The executions of workflows, which are started and stopped here, and a page for each."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from api.http import links, pages, search
from api.http.gist import gist_of
from api.http.sessions import read, settings_of
from api.requests.views import views
from api.workflows import form
from api.workflows.domain import Scale
from api.workflows.queries import asked, detail, executions, messages
from api.workflows.queries.detail import ExecutionNotFound
from api.workflows.queries.executions import Filter
from api.workflows.views import ExecutionView
from flows.common.callers import Caller, ScopeMissing
from flows.common.database import now
from flows.common.events import freeze
from flows.common.run_states import LIFECYCLE
from flows.workflows.actions import RUN_WORKFLOW, STOP_WORKFLOW

router = APIRouter(route_class=pages.PageRoute, prefix="/workflows", include_in_schema=False)

_PAGE_SIZE: Final = 50
_LARGEST_PAGE: Final = 1_000_000
_FOLLOWED: Final = frozenset(
    {*LIFECYCLE, "flow_run_state", "stf_gen", "stf_ready", "processing_complete", "slice"}
)


@router.get("/")
async def list_page(request: Request) -> Response:
    """The executions of a filter, and the form that starts one; the filter is in the address."""
    viewer = await pages.viewer_of(request)
    wanted, number = _filter(request), _number(request, "page", _LARGEST_PAGE) or 1

    def found(session: Session) -> dict[str, Any]:
        last_event_id = freeze(session)
        offset = (number - 1) * _PAGE_SIZE
        total, rows = executions.page(session, wanted, limit=_PAGE_SIZE, offset=offset)
        return {
            "last_event_id": last_event_id,
            "rows": rows,
            "total": total,
            "waiting": views(session, asked.waiting(session), settings_of(request)),
            "namespaces": executions.namespaces(session),
            "statuses": executions.statuses(session),
        }

    return await pages.show(
        request,
        "workflows.html",
        viewer,
        **await read(request, found),
        **_shared(request, viewer),
        wanted=wanted,
        page=number,
        page_size=_PAGE_SIZE,
        query=lambda **changed: _query({**asdict(wanted), **changed}),
        against=_against(viewer),
        configurations=form.choices(),
        numbers=form.number_fields(),
        types=sorted(_FOLLOWED),
    )


@router.get("/{execution_id:path}")
async def execution_page(request: Request, execution_id: str) -> Response:
    """One execution: in time, who takes part, its parameters and its messages."""
    viewer = await pages.viewer_of(request)
    wanted = execution_id.removesuffix("/")
    msg_type = search.exact("type", request.query_params.get("type", ""))
    before = _number(request, "before", messages.NEWEST) or messages.NEWEST

    def found(session: Session) -> dict[str, Any]:
        last_event_id = freeze(session)
        shown = detail.read(session, wanted)
        listed = messages.page(
            session, shown, msg_type=msg_type, before=before, limit=messages.SHOWN + 1
        )
        return {"last_event_id": last_event_id, "shown": shown, "listed": listed}

    try:
        values = await read(request, found)
    except ExecutionNotFound:
        what = f"workflow execution “{wanted[:100]}”"
        return await pages.show(request, "missing.html", viewer, status=404, what=what)
    shown, at = values["shown"], now()
    return await pages.show(
        request,
        "workflow.html",
        viewer,
        **values,
        **_shared(request, viewer),
        scale=Scale(shown.began, shown.ended or at),
        msg_type=msg_type,
        size=messages.SHOWN,
        query=lambda **changed: _query({"type": msg_type, **changed}),
        gist=gist_of,
        types=sorted({*_FOLLOWED, *(each.msg_type for each in shown.message_counts)}),
    )


def _filter(request: Request) -> Filter:
    asked_for = request.query_params
    return Filter(
        namespace=search.exact("namespace", asked_for.get("namespace", "")),
        status=search.exact("status", asked_for.get("status", "")),
    )


def _number(request: Request, name: str, most: int) -> int:
    """The number in the address; 0 where there is none that can be meant."""
    text = request.query_params.get(name, "")
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(most))
    return min(int(text), most) if is_number else 0


def _query(parts: dict[str, Any]) -> str:
    return urlencode({name: value for name, value in parts.items() if value})


def _shared(request: Request, viewer: Caller) -> dict[str, Any]:
    prefix = links.prefix_of(request)
    return {
        "known": pages.known(viewer),
        "path_of": lambda execution_id: f"{prefix}/workflows/{quote(execution_id, safe='')}/",
        "against_stop": lambda execution: _against_stop(viewer, execution),
        "run_action": RUN_WORKFLOW.name,
        "stop_action": STOP_WORKFLOW.name,
    }


def _against(viewer: Caller) -> str:
    """Why the viewer cannot start one; empty where they can, or can sign in for it."""
    if not viewer.is_known:
        return ""
    try:
        viewer.require(RUN_WORKFLOW.scope, "Starting a workflow")
    except ScopeMissing as missing:
        return str(missing)
    return ""


def _against_stop(viewer: Caller, execution: ExecutionView) -> str:
    """Why the viewer cannot stop it; empty where they can, or can sign in for it."""
    if not viewer.is_known or execution.requested_by is None:
        return ""
    try:
        viewer.require_own(execution.requested_by, f"Stopping what {execution.requested_by} runs")
    except ScopeMissing as missing:
        return str(missing)
    return ""
