"""Triggering actions, and following the requests that they become."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from api.http.access import Asker, Reader, TokenRequester
from api.http.links import page_link
from api.http.lists import Page
from api.http.sessions import session_of, settings_of
from api.http.silence import RestRoute
from api.requests import queries
from api.requests.views import RequestView, Triggered, triggered, view, views
from flows.common import actions, cancellations, requests
from flows.common.callers import Caller, Scope
from flows.common.models import RequestState
from flows.common.text import Text

router = APIRouter(route_class=RestRoute, prefix="/api", tags=["requests"])


_MAX_ID: Final = 2**63 - 1
RequestId = Annotated[int, Path(ge=1, le=_MAX_ID)]


class ActionView(BaseModel):
    """An action that may be requested."""

    name: str
    summary: str
    scope: Scope
    parameters: dict[str, Any]
    timeout_seconds: float


class RequestPage(Page[RequestView]):
    """A page of requests: open ones first, each newest first."""


class CancelForm(BaseModel):
    """Why a request is to end."""

    model_config = ConfigDict(extra="forbid")

    reason: Text = Field("", max_length=1000)


@router.get("/actions/", summary="List actions")
def list_actions(_reader: Reader) -> list[ActionView]:
    """Every action with the JSON schema of its parameters."""
    return [
        ActionView(
            name=action.name,
            summary=action.summary,
            scope=action.scope,
            parameters=action.parameters.model_json_schema(),
            timeout_seconds=action.timeout_seconds,
        )
        for action in actions.all_actions().values()
    ]


@router.post("/actions/{action}/", status_code=202, summary="Request an action")
def trigger(
    action: str,
    request: Request,
    caller: Asker,
    parameters: Annotated[dict[str, Any] | None, Body(examples=[{"namespace": "testbed"}])] = None,
) -> Triggered:
    """202: the request is stored durably, or an open one with the same key was joined."""
    wanted = actions.get(action)
    who, rest = speaker(caller, parameters or {})
    form = wanted.parse(rest)
    with session_of(request) as session:
        accepted = requests.accept(session, wanted, form, caller=who, source="rest")
    return triggered(accepted, settings_of(request))


@router.get("/requests/", summary="List requests")
def list_requests(
    request: Request,
    _reader: Reader,
    action: Text | None = None,
    state: RequestState | None = None,
    subject: Text | None = None,
    requested_by: Text | None = None,
    open: bool = False,  # noqa: A002, FBT001, FBT002 - the query's word
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
    offset: Annotated[int, Query(ge=0, le=_MAX_ID)] = 0,
) -> RequestPage:
    """By action, state, subject or requester, a page at a time: open ones first, then newest."""
    wanted = queries.Filter(
        action=action,
        state=state,
        subjects=[subject] if subject is not None else [],
        requested_by=requested_by,
        is_open=open,
    )
    with session_of(request) as session:
        # One more shows whether there is a next page: the count may be an estimate.
        count, rows = queries.page(session, wanted, limit + 1, offset)
        shown = views(session, rows[:limit], settings_of(request))
    return RequestPage(
        count=count,
        next=page_link(request, limit=limit, offset=offset + limit) if len(rows) > limit else None,
        previous=page_link(request, limit=limit, offset=offset - limit) if offset else None,
        results=shown,
    )


@router.get("/requests/{request_id}/", summary="One request")
def get_request(request_id: RequestId, request: Request, _reader: Reader) -> RequestView:
    """The request's state, result or error, and its flow run."""
    with session_of(request) as session:
        return view(session, requests.get(session, request_id), settings_of(request))


@router.post("/requests/{request_id}/cancel/", status_code=202, summary="Cancel a request")
def cancel_request(
    request_id: RequestId, request: Request, caller: TokenRequester, form: CancelForm | None = None
) -> RequestView:
    """The ops side carries out the cancellation; a request that has ended does not change."""
    with session_of(request) as session:
        row = cancellations.ask(
            session, request_id, caller=caller, reason=form.reason if form else ""
        )
        return view(session, row, settings_of(request))


_SAYS_WHO: Final = ("created_by", "requested_by", "owner")


def speaker(caller: Caller, parameters: dict[str, Any]) -> tuple[Caller, dict[str, Any]]:
    """In whose name an action is requested, and its parameters without the word that says so.

    Source: ops contract sections 1.4 to 1.8 (`requested_by`, `created_by`, `owner`).

    Raises:
        Forbidden: The caller is not a service, and names another.
    """
    rest = {key: value for key, value in parameters.items() if key not in _SAYS_WHO}
    for key in _SAYS_WHO:
        if name := parameters.get(key):
            caller = caller.speaking_for(str(name))
    return caller, rest
