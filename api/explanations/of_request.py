"""Why a request failed: by its row, and by the last step that was announced of it."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import select

from api.explanations import of_job, of_task
from api.explanations.domain import Explanation, Verdict
from api.http.tools.calls import Call
from api.pcs.queries import tasks
from api.requests.queries import waits
from api.requests.started import advice, links_of
from flows.common import requests
from flows.common.models import Event, Request, RequestState

_VERDICTS: Final = {
    RequestState.QUEUED: Verdict.UNDER_WAY,
    RequestState.CLAIMED: Verdict.UNDER_WAY,
    RequestState.RUNNING: Verdict.UNDER_WAY,
    RequestState.COMPLETED: Verdict.GOOD,
    RequestState.FAILED: Verdict.FAILED,
    RequestState.CANCELLED: Verdict.CANCELLED,
    RequestState.UNKNOWN: Verdict.UNKNOWN,
}
_FETCH: Final = "fetch_payload_log"
_AGAIN: Final = (
    "Mend what the reason names, then ask for it again; where the reason is a service that was "
    "away (PanDA, Rucio, a storage door), wait and ask again."
)
_EVENTS: Final = 20


def explain(call: Call, request_id: int) -> Explanation:
    """What failed of a request."""
    row = requests.get(call.session, request_id)
    links = links_of(call, row)
    wait = waits(call.session, [row]).get(row.id)
    explanation = Explanation(
        about={
            "type": "request",
            "request_id": row.id,
            "action": row.action,
            "subject": row.subject,
            "state": row.state,
            "requested_by": row.requested_by,
            "attempts": row.attempts,
            "finished_at": row.finished_at,
        },
        verdict=_VERDICTS[RequestState(row.state)],
        step=_last_step(call, row),
        reason=row.error or (wait.text if wait is not None else ""),
        what_to_do=[_AGAIN if row.state == RequestState.FAILED else advice(row)],
        links={"request": links.request}
        | ({"flow_run": links.flow_run} if links.flow_run is not None else {}),
    )
    return _with_its_subject(call, row, explanation)


def _last_step(call: Call, row: Request) -> str:
    """The last step that was announced of it."""
    newest = select(Event.payload).where(Event.request_id == row.id).order_by(Event.id.desc())
    said = call.session.scalars(newest.limit(_EVENTS))
    return next((str(each["step"]) for each in said if _has_step(each)), "")


def _has_step(payload: Any) -> bool:
    return isinstance(payload, dict) and bool(payload.get("step"))


def _with_its_subject(call: Call, row: Request, explanation: Explanation) -> Explanation:
    """With what its task or job says of the same failure."""
    if explanation.verdict not in {Verdict.FAILED, Verdict.UNKNOWN}:
        return explanation
    found = _of_subject(call, row)
    if found is None:
        return explanation
    more = [each for each in found.what_to_do if each not in explanation.what_to_do]
    return explanation.model_copy(
        update={
            "what_to_do": more or explanation.what_to_do,
            "step": explanation.step or found.step,
            "last_errors": found.last_errors,
            "links": explanation.links | found.links,
        }
    )


def _of_subject(call: Call, row: Request) -> Explanation | None:
    if row.action == tasks.SUBMIT and row.subject:
        named = tasks.matches(call.session, row.subject)
        if len(named) == 1:
            return of_task.explain(call, tasks.load(call.session, named[0].id))
    if row.action == _FETCH and row.subject and row.subject.isdecimal():
        return of_job.explain(call, int(row.subject))
    return None
