"""Payload logs for programs: asked for, followed by their row, read member by member."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import StreamingResponse

from api.http.access import Reader, TokenRequester
from api.http.errors import Rejection
from api.http.fields import MAX_BIG_INTEGER
from api.http.sessions import session_of, settings_of
from api.http.silence import RestRoute
from api.payload_logs import files, views
from api.payload_logs.bodies import Part, archive_answer, member_answer
from api.payload_logs.views import LogRequested, LogView
from flows.common import requests
from flows.payload_logs.actions import FETCH_PAYLOAD_LOG, FetchPayloadLog
from flows.payload_logs.models import PayloadLog

router = APIRouter(route_class=RestRoute, prefix="/api/payload-logs", tags=["payload logs"])

PandaId = Annotated[
    int, Path(ge=1, le=MAX_BIG_INTEGER, description="The job at PanDA.", examples=[1001])
]
Offset = Annotated[
    int | None,
    Query(ge=0, le=MAX_BIG_INTEGER, description="First byte, where a proxy drops `Range`."),
]
Length = Annotated[
    int | None, Query(ge=0, le=MAX_BIG_INTEGER, description="Number of bytes from there.")
]

_NOT_THERE: Final = "The job's log, or that member of it, is not in the cache."
_DENIED: Final = {"description": "Reads are closed, and the caller is not authenticated."}
_BYTES: Final[dict[int | str, dict[str, Any]]] = {
    403: _DENIED,
    404: {"description": _NOT_THERE},
    409: {"description": "A newer fetch has replaced `version`."},
}
_EXAMPLES: Final[dict[str, Any]] = {
    "by id": {
        "summary": "By the job alone: task and log are looked up at PanDA",
        "value": {"pandaid": 1001},
    },
    "whole": {
        "summary": "All that PanDA knows of it, and fetched anew",
        "value": {
            "pandaid": 1001,
            "jeditaskid": 501,
            "scope": "group.EIC",
            "lfn": "group.EIC.example.log.501.000001.log.tgz",
            "force": True,
        },
    },
}


# ------------------------------------------------------------------ asking


@router.post(
    "/",
    status_code=202,
    summary="Request the log of a job",
    responses={
        400: {"description": "A field is invalid; the answer names it."},
        401: {"description": "Not authenticated."},
    },
    openapi_extra={"requestBody": {"content": {"application/json": {"examples": _EXAMPLES}}}},
)
def ask(request: Request, caller: TokenRequester, form: FetchPayloadLog) -> LogRequested:
    """Accept a request for a log, or join the open one for the same job.

    The events `payload_log_progress`, `payload_log_ready` and `payload_log_failed` follow, with the
    job's id as the stream's `subject`.
    """
    with session_of(request) as session:
        accepted = requests.accept(session, FETCH_PAYLOAD_LOG, form, caller=caller, source="rest")
    return views.requested(form.pandaid, accepted, settings_of(request))


# ------------------------------------------------------------------ reading


@router.get(
    "/{pandaid}/",
    summary="State of a job's log",
    responses={403: _DENIED, 404: {"description": "Nobody has asked for it yet."}},
)
def get_log(pandaid: PandaId, request: Request, _reader: Reader) -> LogView:
    """The state of the log, the step that its fetch is at, and what can be read of it."""
    settings = settings_of(request)
    with session_of(request) as session:
        row = session.get(PayloadLog, pandaid)
    if row is None:
        raise Rejection(404, {"detail": f"job {pandaid}: nobody has asked for its log yet"})
    with files.open_of(row, settings) or nullcontext() as log:
        return views.log(row, log, settings)


@router.get(
    "/{pandaid}/members/{name}",
    summary="Read a member of a log",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"text/plain": {}}},
        206: {"description": "The range that was requested.", "content": {"text/plain": {}}},
        416: {"description": "The range begins beyond the end."},
        **_BYTES,
    },
)
@router.get("/{pandaid}/members/{name}/", include_in_schema=False)
def get_member(
    pandaid: PandaId,
    name: str,
    request: Request,
    _reader: Reader,
    download: bool = False,  # noqa: FBT001, FBT002 - the query's word
    offset: Offset = None,
    length: Length = None,
    version: str = "",
) -> StreamingResponse:
    """The bytes of a member as they were in the archive; `version` wants those of one fetch."""
    log = opened(request, pandaid)
    part = Part(offset, length, request.headers.get("range"))
    kept_as = f"{pandaid}.{name}" if download else None
    try:
        member = _member(log, pandaid, name, version)
        return member_answer(log, member, part, download_as=kept_as)
    except Rejection:
        log.close()
        raise


@router.get(
    "/{pandaid}/archive/",
    summary="Read all members as an archive",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/gzip": {}}}, **_BYTES},
)
def get_archive(pandaid: PandaId, request: Request, _reader: Reader) -> StreamingResponse:
    """All members as one .tar.gz, packed while it is sent."""
    log = opened(request, pandaid)
    return archive_answer(log, f"payload-log-{pandaid}")


def opened(request: Request, pandaid: int) -> files.OpenLog:
    """The log of a job, open to read; whoever takes it closes it.

    Raises:
        Rejection: 404, where it is not in the cache.
    """
    with session_of(request) as session:
        row = session.get(PayloadLog, pandaid)
    log = files.open_of(row, settings_of(request))
    if log is None:
        raise Rejection(404, {"detail": f"job {pandaid}: its log is not in the cache"})
    return log


def _member(log: files.OpenLog, pandaid: int, name: str, version: str) -> files.Member:
    member = log.member(name)
    if member is None:
        raise Rejection(404, {"detail": f"the log of job {pandaid} has no member {name[:200]!r}"})
    if version not in {"", log.version}:
        raise Rejection(409, {"detail": f"the log of job {pandaid} was fetched anew meanwhile"})
    return member
