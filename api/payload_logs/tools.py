"""Payload logs, for assistants: had fetched, and read piece by piece."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Annotated, Any

from pydantic import BaseModel, Field

from api.http.fields import MAX_BIG_INTEGER
from api.http.tools.arguments import Name
from api.http.tools.calls import Call
from api.http.tools.declaration import Toolbox
from api.payload_logs import files, queries
from api.payload_logs.errors_in import last_errors
from api.payload_logs.queries import Phase, Standing
from api.requests.started import SOURCE, standing_of, started
from blocks.errors import NotFound
from flows.common import requests
from flows.common.callers import Scope
from flows.common.models import RequestState
from flows.payload_logs.actions import FETCH_PAYLOAD_LOG, FetchPayloadLog
from flows.payload_logs.models import PayloadLog

toolbox = Toolbox()

PandaId = Annotated[int, Field(ge=1, le=MAX_BIG_INTEGER, description="The job's id at PanDA.")]
Length = Annotated[int, Field(ge=1, le=100_000, description="How many bytes are read at most.")]
_MOST_ERRORS = 20


class LogFile(BaseModel):
    """A file of a log."""

    name: str
    size_bytes: int
    is_text: bool


class LogStanding(BaseModel):
    """How a job's log stands.

    Attributes:
        queued: Whether the ops side was asked for it.
        phase: ready, waiting, no_job, no_log, failed, or unknown.
        reason: Why there is nothing to read.
        last_errors: The last lines of it that look like errors.
    """

    pandaid: int
    queued: bool
    phase: Phase
    reason: str = ""
    request_id: int | None = None
    state: RequestState | None = None
    subject: str
    members: list[LogFile] = []
    last_errors: list[dict[str, Any]] = []
    page_url: str
    next: str


class LogText(BaseModel):
    """A piece of a log's file."""

    pandaid: int
    member: str
    offset: int
    size_bytes: int
    text: str
    next_offset: int | None = Field(description="Where the next piece begins; null: at its end.")
    page_url: str


def _fetched(call: Call, answer: dict[str, Any]) -> LogStanding | dict[str, Any]:
    moved = standing_of(call, answer)
    if moved["state"] in {RequestState.QUEUED, RequestState.CLAIMED, RequestState.RUNNING}:
        return answer | {"state": moved["state"]}
    standing = queries.look(call.session, answer["pandaid"], call.settings)
    shown = _shown(call, standing, queued=answer["queued"])
    return shown.model_copy(update={"request_id": answer["request_id"], "state": moved["state"]})


@toolbox.tool("fetch_payload_log", scope=Scope.REQUEST, is_idempotent=True, reread=_fetched)
def fetch_payload_log(
    call: Call,
    *,
    pandaid: PandaId,
    force: Annotated[bool, Field(description="Fetch it anew, though it is here.")] = False,
) -> LogStanding:
    """Have the log of a PanDA job fetched from storage; it takes some seconds, so wait_seconds=30.

    Where the log is here already, it is answered at once. Then read_payload_log reads its files.
    """
    standing = queries.look(call.session, pandaid, call.settings)
    if standing.phase is Phase.READY and not force:
        return _shown(call, standing, queued=False)
    form = FetchPayloadLog(pandaid=pandaid, force=force)
    accepted = requests.accept(
        call.session, FETCH_PAYLOAD_LOG, form, caller=call.caller, source=SOURCE
    )
    request = started(call, accepted)
    return LogStanding(
        pandaid=pandaid,
        queued=True,
        phase=Phase.WAITING,
        request_id=request.request_id,
        state=request.state,
        subject=str(pandaid),
        page_url=_page(call, pandaid),
        next=request.next,
    )


@toolbox.tool("read_payload_log")
def read_payload_log(
    call: Call,
    *,
    pandaid: PandaId,
    member: Annotated[Name | None, Field(description="A file of it; unset: its payload's.")] = None,
    offset: Annotated[
        int | None,
        Field(ge=0, le=MAX_BIG_INTEGER, description="First byte; unset: of the file's end."),
    ] = None,
    length: Length = 20_000,
) -> LogText:
    """Read a piece of a file of a job's log that is here: by default its end.

    Where it is not here, fetch_payload_log fetches it. Its last errors, explain_failure shows.
    """
    row = call.session.get(PayloadLog, pandaid)
    with files.open_of(row, call.settings) or nullcontext() as log:
        if log is None:
            raise NotFound(f"The log of job {pandaid} is not here; fetch_payload_log fetches it.")
        found = _member(log, member, pandaid)
        begin = max(0, found.size_bytes - length) if offset is None else offset
        end = min(found.size_bytes, begin + length)
        raw = b"".join(found.chunks(begin, end))
    return LogText(
        pandaid=pandaid,
        member=found.name,
        offset=begin,
        size_bytes=found.size_bytes,
        text=raw.decode(errors="replace"),
        next_offset=begin + len(raw) if begin + len(raw) < found.size_bytes else None,
        page_url=_page(call, pandaid),
    )


def _member(log: files.OpenLog, name: str | None, pandaid: int) -> files.Member:
    texts = [each for each in log.members if each.is_text]
    found = next((each for each in texts if name in {None, each.name}), None)
    if found is None:
        known = ", ".join(each.name for each in texts) or "none"
        raise NotFound(f"The log of job {pandaid} has no text {name!r}; it has: {known}.")
    return found


def _shown(call: Call, standing: Standing, *, queued: bool) -> LogStanding:
    with files.open_of(standing.row, call.settings) or nullcontext() as log:
        members = log.members if log is not None else ()
        return LogStanding(
            pandaid=standing.pandaid,
            queued=queued,
            phase=standing.phase,
            reason=standing.reason,
            subject=str(standing.pandaid),
            members=[
                LogFile(name=each.name, size_bytes=each.size_bytes, is_text=each.is_text)
                for each in members
            ],
            last_errors=[vars(each) for each in last_errors(log, _MOST_ERRORS)] if log else [],
            page_url=_page(call, standing.pandaid),
            next=ADVICE[standing.phase],
        )


ADVICE: dict[Phase, str] = {
    Phase.READY: "read_payload_log reads its files.",
    Phase.WAITING: "It is on its way: fetch_payload_log with wait_seconds=30 says when it is here.",
    Phase.NO_JOB: "Look at the job's number: PanDA has none of it.",
    Phase.NO_LOG: "A job's log is registered when the job has ended; ask again then.",
    Phase.FAILED: "Where a storage door or Rucio was away, fetch it again later with force=true; "
    "where it is the file itself or the proxy certificate, tell the operators.",
    Phase.UNKNOWN: "It is not here; fetch_payload_log fetches it.",
}
"""What to do about a log, by how it stands."""


def _page(call: Call, pandaid: int) -> str:
    return call.link(f"/panda/jobs/{pandaid}/log/")
