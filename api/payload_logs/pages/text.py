"""The log of a job as one text, fetched when it is asked for (ops contract section 1.4.4).

A GET that triggers: the shape that gets through a proxy without sessions (section 4.5).
"""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse

from api.http import pages
from api.http.errors import PASSING, RETRY_SECONDS
from api.http.sessions import session_of, settings_of
from api.payload_logs import files
from api.payload_logs.bodies import text_answer
from api.payload_logs.pages.log import step_of
from api.payload_logs.queries import (
    Asked,
    NotAJobId,
    NotItsRequest,
    Phase,
    Standing,
    job_id,
    look_and_ask,
)
from flows.common import events
from flows.common.callers import Caller
from flows.payload_logs.domain import words
from flows.payload_logs.models import Step

router = APIRouter(route_class=pages.PageRoute, prefix="/panda/jobs", include_in_schema=False)

_HEADERS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_TRIES: Final = 3


@router.get("/{pandaid}/payload-log/")
async def payload_log(request: Request, pandaid: str) -> Response:
    """The text, or 202 and a page that waits for it, or in a line why there is none.

    `?force=1` has it fetched anew; `?request=N` asks for nothing, and shows what comes of that
    request.
    """
    viewer = await pages.viewer_of(request)
    try:
        number, asked = job_id(pandaid), Asked.of(request.query_params)
        answer = await run_in_threadpool(_answer, request, number, viewer, asked)
    except (NotAJobId, NotItsRequest) as error:
        return _line(404, str(error))
    except PASSING as error:
        answer = _line(503, f"job {pandaid}: its log could not be asked for: {error}; try again")
        answer.headers["Retry-After"] = RETRY_SECONDS
        return answer
    pages.admit(request, answer, viewer)
    return answer


def _answer(request: Request, pandaid: int, viewer: Caller, asked: Asked) -> Response:
    settings = settings_of(request)
    for _ in range(_TRIES):
        with session_of(request) as session:
            # First: what happens from here on is among the events that the page follows.
            last_event_id = events.last_id(session)
            standing = look_and_ask(session, pandaid, settings, viewer, asked)
        if standing.phase is not Phase.READY:
            break
        if (log := files.open_of(standing.row, settings)) is not None:
            row = standing.row
            return text_answer(log, words.remarks_of(row) if row is not None else ())
        # The cache lost it between the look and the opening: look again.
    most = settings.payload_logs.max_attempts
    return _without(request, standing, viewer, most, last_event_id=last_event_id)


def _without(
    request: Request, standing: Standing, viewer: Caller, most: int, *, last_event_id: int
) -> Response:
    match standing.phase:
        case Phase.WAITING:
            return pages.render(
                request,
                "payload_log_pending.html",
                status=202,
                viewer=viewer,
                standing=standing,
                last_event_id=last_event_id,
                step=step_of(standing),
                steps=len(Step),
            )
        case Phase.NO_JOB | Phase.NO_LOG:
            return _line(404, standing.reason)
        case Phase.FAILED:
            return _line(502, failure_text(standing, most))
        case _ if standing.is_withheld:
            return _line(403, f"job {standing.pandaid}: {WITHHELD}")
        case _:
            label = f"job {standing.pandaid}"
            return _line(404, f"{label}: its log has left the cache; ask for it without ?request")


WITHHELD: Final = (
    "its log is not here; to have it fetched, sign in, or send a token, with the scope request"
)


def failure_text(standing: Standing, most: int) -> str:
    """What happened, how often, and what to do."""
    tried = f"attempt {standing.attempts} of {most}" if standing.attempts else "no attempt counts"
    if standing.attempts >= most:
        tried = f"{standing.attempts} attempts failed, and no more than {most} are made"
    return (
        f"the payload log of job {standing.pandaid} could not be fetched ({tried}).\n"
        f"Last error: {standing.reason}\n"
        "Append ?force=1 to retry."
    )


def _line(status: int, text: str) -> Response:
    return PlainTextResponse(f"{text}\n", status, _HEADERS)
