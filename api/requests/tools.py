"""Requests, for assistants: what was asked for, what came of it, and ending it."""

from __future__ import annotations

import difflib
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, Field

from api.http.fields import MAX_BIG_INTEGER, UtcTime
from api.http.tools.answers import MonitorUrl, Page, page
from api.http.tools.arguments import Limit, Name, Offset, Text, Time, since
from api.http.tools.calls import Call
from api.http.tools.declaration import Toolbox
from api.pcs.queries import tasks
from api.requests import queries
from api.requests.started import Links, advice, links_of
from api.requests.views import RequestView, view, views
from flows.common import actions, cancellations, requests
from flows.common.callers import Scope
from flows.common.models import Request, RequestState

toolbox = Toolbox(advice={requests.RequestNotFound: "list_requests has those that there are."})

RequestId = Annotated[int, Field(ge=1, le=MAX_BIG_INTEGER, description="The request's id.")]


def _known(action: str) -> str:
    names = actions.all_actions()
    if action not in names:
        near = difflib.get_close_matches(action, names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(names)}"
        raise ValueError(f"there is no action {action!r}; {hint}")
    return action


ActionName = Annotated[Name, AfterValidator(_known)]


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
    action: ActionName | None = None,
    state: RequestState | None = None,
    subject: Name | None = None,
    requested_by: Name | None = None,
    open: bool = False,  # noqa: A002 - REST's word
    limit: Limit = 50,
    offset: Offset = 0,
) -> Page[RequestView]:
    """What was asked of the ops side, open requests first, then the newest.

    The subject is a task by any name, a job's id, a DID or a campaign. For one whose id is known,
    use get_request.
    """
    wanted = queries.Filter(
        action=action,
        state=state,
        subjects=_subjects(call, subject),
        requested_by=requested_by,
        is_open=open,
    )
    total, rows = queries.page(call.session, wanted, limit, offset)
    like_it = {"action": action, "state": state, "requested_by": requested_by}
    urls = [call.shown_at("Requests", "/requests/", **like_it)]
    return page(views(call.session, rows, call.settings), total, offset=offset, urls=urls)


def _subjects(call: Call, name: str | None) -> list[str]:
    return tasks.subjects(call.session, name) if name is not None else []


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

_LISTED_HOURS: Final = 24
_COUNTED_HOURS: Final = 7 * 24
_WAYS: Final = Field(
    description="By which way it was asked for: page, rest, mcp, cli, or another of the answer's."
)


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
    instance: str = Field(description="By which way it was asked for.")
    action: str
    outcome: ActionOutcome
    subject_key: str | None
    username: str
    created_at: datetime
    duration_ms: int | None
    reason: str | None
    url: str


class _Window(BaseModel):
    """From when to when what is answered was asked for."""

    success: Literal[True] = True
    window_start: UtcTime
    window_end: UtcTime | None = Field(description="Null: until now.")


class ActionPage(Page[ActionRecord], _Window):
    """What was done, a page at a time."""


class ActionSummary(_Window):
    """How often each action ended how."""

    total_count: int
    by_action: dict[str, dict[str, int]]
    monitor_urls: list[MonitorUrl]


@toolbox.tool("epicprod_list_actions")
def list_actions(
    call: Call,
    *,
    action: ActionName | None = None,
    instance: Annotated[Name | None, _WAYS] = None,
    subject_key: Name | None = None,
    username: Name | None = None,
    outcome: ActionOutcome | None = None,
    start_time: Time | None = None,
    end_time: Time | None = None,
    summarize: bool = False,
    limit: Limit = 50,
    offset: Offset = 0,
) -> ActionPage | ActionSummary:
    """What production did lately and how it ended, newest first; summarize=true counts it.

    Use it for questions such as whether the night's sweeps ran; for what is open, list_requests.
    Unless start_time says otherwise, it lists the last 24 hours and counts the last 7 days.
    """
    begin = since(start_time, hours=_COUNTED_HOURS if summarize else _LISTED_HOURS)
    states = [state for state in RequestState if outcome in {None, _outcome(state)}]
    wanted = queries.Past(
        action=action,
        subjects=_subjects(call, subject_key),
        requested_by=username,
        source=instance,
        states=states,
        since=begin,
        until=end_time,
    )
    window = {"window_start": begin, "window_end": end_time}
    urls = [call.shown_at("Requests", "/requests/", action=action, requested_by=username)]
    if summarize:
        counts = _counts(queries.past_counts(call.session, wanted))
        return ActionSummary(**counts, **window, monitor_urls=urls)
    total, rows = queries.past(call.session, wanted, limit=limit, offset=offset)
    found = page([_record(call, each) for each in rows], total, offset=offset, urls=urls)
    return ActionPage(**dict(found), **window)


def _outcome(state: str) -> ActionOutcome:
    return _OUTCOMES.get(RequestState(state), ActionOutcome.OPEN)


def _record(call: Call, row: Request) -> ActionRecord:
    took = row.finished_at - row.started_at if row.finished_at and row.started_at else None
    return ActionRecord(
        request_id=row.id,
        instance=row.source,
        action=row.action,
        outcome=_outcome(row.state),
        subject_key=row.subject,
        username=row.requested_by,
        created_at=row.created_at,
        duration_ms=int(took.total_seconds() * 1000) if took is not None else None,
        reason=row.error[:300] if row.error else None,
        url=call.link(f"/requests/{row.id}/"),
    )


def _counts(found: Iterable[tuple[str, str, int]]) -> dict[str, Any]:
    """How many there are, and of each action with each outcome."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for action, state, count in found:
        counts[action][_outcome(state)] += count
    return {
        "total_count": sum(each.total() for each in counts.values()),
        "by_action": {name: dict(each) for name, each in counts.items()},
    }
