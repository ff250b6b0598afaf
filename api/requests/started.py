"""What a tool answers that has started something: the request, and what came of it."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, Field

from api.http.tools.calls import Call
from flows.common import requests
from flows.common.models import OPEN, Request, RequestState
from flows.common.requests import Accepted

SOURCE: Final = "mcp"
"""The source of requests that come by a tool."""


class Links(BaseModel):
    """Where the request is shown."""

    request: str
    flow_run: str | None = None


class Started(BaseModel):
    """A request that was accepted, or the open one that was joined."""

    queued: bool = Field(True, description="Whether it was accepted.")
    request_id: int
    action: str
    subject: str | None
    state: RequestState
    is_new: bool = Field(description="False: an open request for the same was joined.")
    result: Any = Field(None, description="What came of it, once it has completed.")
    error: str | None = Field(None, description="Why it failed, or what is not known.")
    links: Links
    next: str = Field(description="What to do now.")


def started(call: Call, accepted: Accepted) -> Started:
    """The answer to what was asked for."""
    row = requests.get(call.session, accepted.id)
    return Started(is_new=accepted.is_new, **_standing(call, row))


def standing_of(call: Call, answer: dict[str, Any]) -> dict[str, Any]:
    """The answer with its request as it is now."""
    return answer | _standing(call, requests.get(call.session, answer["request_id"]))


def _standing(call: Call, row: Request) -> dict[str, Any]:
    return {
        "request_id": row.id,
        "action": row.action,
        "subject": row.subject,
        "state": row.state,
        "result": row.result,
        "error": row.error,
        "links": links_of(call, row),
        "next": advice(row),
    }


def links_of(call: Call, row: Request) -> Links:
    """Where the request is shown."""
    flow_run = call.settings.prefect.flow_run_url(row.flow_run_id)
    return Links(request=call.link(f"/requests/{row.id}/"), flow_run=flow_run)


def advice(row: Request) -> str:
    """What to do about a request as it stands."""
    if row.state == RequestState.UNKNOWN:
        return (
            "Its outcome is being established, which is no failure. Do not ask for the same "
            f"again; get_request(request_id={row.id}, wait_seconds=30) says when it is known."
        )
    if row.state in OPEN:
        return f"get_request(request_id={row.id}, wait_seconds=30) says what came of it."
    if row.state == RequestState.COMPLETED:
        return "It is done; result says what came of it."
    if row.state == RequestState.CANCELLED:
        return "It was cancelled; ask for it again where it is still wanted."
    return f"explain_failure(request_id={row.id}) says what failed, and what to do."
