"""Requests, for assistants: what was asked for, what came of it, and ending it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field

from api.http.fields import MAX_BIG_INTEGER
from api.http.tools.answers import MonitorUrl, Page, page
from api.http.tools.arguments import Limit, Name, Offset, Text, Time
from api.http.tools.calls import Call
from api.http.tools.declaration import Toolbox
from api.requests import queries
from api.requests.started import Links, advice, links_of
from api.requests.views import RequestView, view, views
from flows.common import cancellations, requests
from flows.common.callers import Scope
from flows.common.models import Request, RequestState

toolbox = Toolbox(advice={requests.RequestNotFound: "list_requests has those that there are."})

RequestId = Annotated[int, Field(ge=1, le=MAX_BIG_INTEGER, description="The request's id.")]


class RequestDetail(RequestView):
    """A request, with links and what to do about it."""

    links: Links
    next: str


def _detail(call: Call, row: Request) -> RequestDetail:
    shown = view(call.session, row, call.settings)
    return RequestDetail(**dict(shown), links=links_of(call, row), next=advice(row))


def _again(call: Call, answer: dict[str, Any]) -> RequestDetail:
    return _detail(call, requests.get(call.session, answer["id"]))


@toolbox.tool("get_request", reread=_again)
def get_request(call: Call, *, request_id: RequestId) -> RequestDetail:
    """What came of something that was started, by the request_id of that answer.

    With wait_seconds it answers once the request has ended, so do not call it in a loop. Why a
    request failed and what to do, explain_failure says.
    """
    return _detail(call, requests.get(call.session, request_id))


@toolbox.tool("list_requests")
def list_requests(
    call: Call,
    *,
    action: Name | None = None,
    state: RequestState | None = None,
    subject: Name | None = None,
    requested_by: Name | None = None,
    open: bool = False,  # noqa: A002 - REST's word
    limit: Limit = 50,
    offset: Offset = 0,
) -> Page[RequestView]:
    """What was asked of the ops side, open requests first, then the newest.

    The subject is a task's name, a job's id, a DID or a campaign. For one whose id is known, use
    get_request.
    """
    wanted = queries.Filter(
        action=action, state=state, subject=subject, requested_by=requested_by, is_open=open
    )
    total, rows = queries.page(call.session, wanted, limit, offset)
    urls = [MonitorUrl(title="Requests", url=call.link("/requests/"))]
    return page(views(call.session, rows, call.settings), total, offset=offset, urls=urls)


@toolbox.tool(
    "cancel_request",
    scope=Scope.REQUEST,
    is_destructive=True,
    is_idempotent=True,
    confirm="ends the request, whose work stops where it is",
    reread=_again,
)
def cancel_request(call: Call, *, request_id: RequestId, reason: Text = "") -> RequestDetail:
    """End a request that waits or runs; what is unknown ends once its effect is ruled out.

    One's own takes the scope request, another's operate. It does not stop a task at PanDA: use
    pcs_prodtask_pause.
    """
    row = cancellations.ask(call.session, request_id, caller=call.caller, reason=reason)
    return _detail(call, row)


# ------------------------------------------------------------------ the original's action stream


class ActionOutcome(StrEnum):
    """Outcomes in the words of the original's action stream."""

    OK = "ok"
    ERROR = "error"
    SKIPPED = "skipped"
    UNVERIFIED = "unverified"
    OPEN = "open"


_OUTCOMES: Final = {
    RequestState.COMPLETED: ActionOutcome.OK,
    RequestState.FAILED: ActionOutcome.ERROR,
    RequestState.CANCELLED: ActionOutcome.SKIPPED,
    RequestState.UNKNOWN: ActionOutcome.UNVERIFIED,
}


class ActionRecord(BaseModel):
    """Who did what to what, and how it ended."""

    request_id: int
    action: str
    outcome: ActionOutcome
    subject_key: str | None
    username: str
    created_at: datetime
    duration_ms: int | None
    reason: str | None
    url: str


class ActionSummary(BaseModel):
    """How often each action ended how."""

    total_count: int
    by_action: dict[str, dict[str, int]]


@toolbox.tool("epicprod_list_actions")
def list_actions(
    call: Call,
    *,
    action: Name | None = None,
    subject_key: Name | None = None,
    username: Name | None = None,
    outcome: ActionOutcome | None = None,
    start_time: Time | None = None,
    end_time: Time | None = None,
    summarize: bool = False,
    limit: Limit = 50,
    offset: Offset = 0,
) -> Page[ActionRecord] | ActionSummary:
    """What production did lately and how it ended, newest first; summarize=true counts it.

    Use it for questions such as whether the night's sweeps ran. For what is open or waits, use
    list_requests.
    """
    states = [state for state in RequestState if outcome in {None, _outcome(state)}]
    wanted = queries.Past(
        action=action,
        subject=subject_key,
        requested_by=username,
        states=states,
        since=start_time,
        until=end_time,
    )
    if summarize:
        return _summary(queries.past_counts(call.session, wanted))
    total, rows = queries.past(call.session, wanted, limit=limit, offset=offset)
    urls = [MonitorUrl(title="Requests", url=call.link("/requests/"))]
    return page([_record(call, each) for each in rows], total, offset=offset, urls=urls)


def _outcome(state: str) -> ActionOutcome:
    return _OUTCOMES.get(RequestState(state), ActionOutcome.OPEN)


def _record(call: Call, row: Request) -> ActionRecord:
    took = row.finished_at - row.started_at if row.finished_at and row.started_at else None
    return ActionRecord(
        request_id=row.id,
        action=row.action,
        outcome=_outcome(row.state),
        subject_key=row.subject,
        username=row.requested_by,
        created_at=row.created_at,
        duration_ms=int(took.total_seconds() * 1000) if took is not None else None,
        reason=row.error[:300] if row.error else None,
        url=call.link(f"/requests/{row.id}/"),
    )


def _summary(found: Iterable[tuple[str, str, int]]) -> ActionSummary:
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for action, state, count in found:
        counts[action][_outcome(state)] += count
    return ActionSummary(
        total_count=sum(each.total() for each in counts.values()),
        by_action={name: dict(each) for name, each in counts.items()},
    )
