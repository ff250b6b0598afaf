"""How a job's payload log stands, by its row, its requests and the cache; and asking for it.

The web tier only reads the row: what it wants, it requests of the ops side.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Self

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.http.fields import MAX_BIG_INTEGER
from api.pcs.models import Attempt, ProdTask
from blocks.errors import ProdOpsError
from flows.common import requests
from flows.common.callers import Caller, Scope
from flows.common.database import now
from flows.common.models import OPEN, Request, RequestState
from flows.common.settings import Settings
from flows.payload_logs import cache
from flows.payload_logs.actions import FETCH_PAYLOAD_LOG, FetchPayloadLog
from flows.payload_logs.models import LocatedBy, LogState, PayloadLog
from flows.submission.models import PandaRemark, RemarkKind

NO_LOG_TEXT: Final = "no Rucio log dataset registered (job may not be complete yet)"
_AGAIN: Final = timedelta(seconds=60)
_YES: Final = frozenset({"1", "true", "yes", "on"})


class Phase(StrEnum):
    """What can be said of a job's log just now."""

    UNKNOWN = "unknown"
    """Nobody asked for it yet, or the cache lost it."""
    WAITING = "waiting"
    """A request for it is open."""
    READY = "ready"
    """Its members are in the cache."""
    NO_JOB = "no_job"
    NO_LOG = "no_log"
    FAILED = "failed"


class NotAJobId(ProdOpsError):
    """The text is no id of a PanDA job."""


class NotItsRequest(ProdOpsError):
    """There is no such request for the log of that job."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How a job's log stands.

    Attributes:
        row: What the ops side noted; None where it was never asked.
        request: The request that is waited for, or that was named.
        reason: Why there is nothing to show, in words.
        is_withheld: Whether it would have been asked for, had the caller the scope.
    """

    pandaid: int
    phase: Phase
    row: PayloadLog | None = None
    request: Request | None = None
    reason: str = ""
    is_withheld: bool = False

    @property
    def attempts(self) -> int:
        """Fetches that failed since the last that did not."""
        return self.row.attempts if self.row is not None else 0

    @property
    def is_open(self) -> bool:
        """Whether its request has not ended."""
        return self.request is not None and self.request.state in OPEN


@dataclass(frozen=True)
class Asked:
    """What an address asks for.

    Attributes:
        force: The log is to be fetched anew.
        request_id: The request whose outcome is wanted; then nothing is asked for.
    """

    force: bool = False
    request_id: int | None = None

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Self:
        """What the query says.

        Raises:
            NotItsRequest: `request` is no id.
        """
        force = query.get("force", "").strip().lower() in _YES
        text = query.get("request", "").strip()
        if not text:
            return cls(force)
        request_id = number_of(text)
        if request_id is None:
            raise NotItsRequest(f"request {text[:100]}: a request is named by a whole number")
        return cls(force, request_id)


def job_id(text: str) -> int:
    """The id of a job.

    Raises:
        NotAJobId: It is none.
    """
    number = number_of(text)
    if number is None:
        shown = text if len(text) <= 100 else f"{text[:100]}…"  # noqa: PLR2004
        raise NotAJobId(f"job {shown}: a PanDA job is named by a positive whole number")
    return number


def number_of(text: str) -> int | None:
    """The positive number that the text is, as databases hold them; None: it is none."""
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(MAX_BIG_INTEGER))
    return int(text) if is_number and 1 <= int(text) <= MAX_BIG_INTEGER else None


# ------------------------------------------------------------------ looking


def look(
    session: Session, pandaid: int, settings: Settings, *, request_id: int | None = None
) -> Standing:
    """How the log stands; with `request_id`, what came, or comes, of that request.

    Raises:
        NotItsRequest: No such request is about this job's log.
    """
    row = session.get(PayloadLog, pandaid)
    # After the row: a fetch that ends meanwhile has filled the cache before.
    path = cache.directory_for(row, settings)
    is_cached = path is not None and cache.is_whole(path, row)
    if request_id is None:
        request = _open_request(session, pandaid)
        phase = _phase(row, request, is_cached=is_cached)
    else:
        request = _latest(session, request_id, pandaid)
        phase = _outcome(row, request, is_cached=is_cached)
    reason = ""
    if phase in _WITHOUT.values():
        if request is not None and (row is None or row.request_id != request.id):
            reason = request.error or str(request.state)
        else:
            reason = reason_of(row, pandaid)
    return Standing(pandaid=pandaid, phase=phase, row=row, request=request, reason=reason)


_WITHOUT: Final = {
    LogState.NO_JOB: Phase.NO_JOB,
    LogState.NO_LOG: Phase.NO_LOG,
    LogState.FAILED: Phase.FAILED,
}


def _phase(row: PayloadLog | None, request: Request | None, *, is_cached: bool) -> Phase:
    if is_cached:
        return Phase.READY
    if request is not None:
        return Phase.WAITING
    return _WITHOUT.get(row.state, Phase.UNKNOWN) if row is not None else Phase.UNKNOWN


def _outcome(row: PayloadLog | None, request: Request, *, is_cached: bool) -> Phase:
    if request.state in OPEN:
        return Phase.WAITING
    if request.state == RequestState.COMPLETED:
        return Phase.READY if is_cached else Phase.UNKNOWN
    if row is None or row.request_id != request.id:
        return Phase.FAILED
    return _WITHOUT.get(row.state, Phase.FAILED)


def reason_of(row: PayloadLog | None, pandaid: int) -> str:
    """Why there is nothing, or nothing new, to show (texts: ops contract section 1.4.4)."""
    noted = (row.last_error if row is not None else None) or ""
    if row is not None and row.state == LogState.NO_LOG:
        return noted if NO_LOG_TEXT in noted else NO_LOG_TEXT
    if row is not None and row.state == LogState.NO_JOB:
        label, fact = f"job {pandaid}", noted or "PanDA knows no such job"
        return fact if fact.startswith(label) else f"{label}: {fact}"
    return noted or "the reason was not noted"


def task_name(session: Session, row: PayloadLog | None) -> str | None:
    """The production task whose task at PanDA the job is of, if one is known.

    None where PanDA shows another task under the number: a number alone names nothing.
    """
    if row is None or row.jeditaskid is None or mistaken(session, row) is not None:
        return None
    return session.scalar(
        select(ProdTask.name)
        .join(Attempt, Attempt.prod_task_id == ProdTask.id)
        .where(Attempt.jedi_task_id == row.jeditaskid)
    )


def mistaken(session: Session, row: PayloadLog | None) -> str | None:
    """That the number of the job's task is recorded for a task that PanDA has not under it."""
    if row is None or row.jeditaskid is None:
        return None
    return session.scalar(
        select(PandaRemark.text)
        .where(
            PandaRemark.jedi_task_id == row.jeditaskid,
            PandaRemark.kind == RemarkKind.FOREIGN,
            PandaRemark.cleared_at.is_(None),
        )
        .limit(1)
    )


def _open_request(session: Session, pandaid: int) -> Request | None:
    key = FETCH_PAYLOAD_LOG.dedup_key(FetchPayloadLog(pandaid=pandaid))
    return session.scalar(
        select(Request)
        .where(Request.action == FETCH_PAYLOAD_LOG.name)
        .where(Request.dedup_key == key, Request.state.in_(OPEN))
        .order_by(Request.id.desc())
        .limit(1)
    )


def _latest(session: Session, request_id: int, pandaid: int) -> Request:
    """The request, or the one that took its place."""
    found = session.get(Request, request_id)
    while found is not None and found.successor_id not in {None, found.id}:
        found = session.get(Request, found.successor_id)
    is_its = found is not None and found.action == FETCH_PAYLOAD_LOG.name
    if found is None or not is_its or found.subject != str(pandaid):
        raise NotItsRequest(f"request {request_id} does not fetch the log of job {pandaid}")
    return found


# ------------------------------------------------------------------ asking


def is_worth_asking(standing: Standing, max_attempts: int) -> bool:
    """Whether somebody who wants the log, and does not insist, has it fetched."""
    row = standing.row
    match standing.phase:
        case Phase.READY:
            return row is not None and not standing.is_open and _is_doubtful(row)
        case Phase.WAITING:
            return False
        case Phase.NO_JOB | Phase.NO_LOG:
            return row is None or row.looked_up_at is None or _is_old(row.looked_up_at)
        case Phase.FAILED:
            return standing.attempts < max_attempts
        case _:
            return True


def _is_doubtful(row: PayloadLog) -> bool:
    """Whether PanDA did not say which log it is, and may be asked again."""
    return row.located_by != LocatedBy.PANDA and _is_old(row.updated_at)


def _is_old(moment: datetime) -> bool:
    return now() - moment > _AGAIN


def look_and_ask(
    session: Session, pandaid: int, settings: Settings, caller: Caller, asked: Asked
) -> Standing:
    """How the log stands, once it has been asked for where that is worth it.

    With a request named nothing is asked for, whatever `force` says: who waits does not ask again.

    Raises:
        NotItsRequest: No such request is about this job's log.
    """
    standing = look(session, pandaid, settings, request_id=asked.request_id)
    is_wanted = asked.force or is_worth_asking(standing, settings.payload_logs.max_attempts)
    if asked.request_id is not None or not is_wanted:
        return standing
    if not caller.may(Scope.REQUEST):
        return replace(standing, is_withheld=True)
    accepted = requests.accept(
        session,
        FETCH_PAYLOAD_LOG,
        FetchPayloadLog(pandaid=pandaid, force=asked.force),
        caller=caller,
        source=requests.PAGE,
    )
    # It is open until the transaction ends: `accept` holds its row.
    request = requests.get(session, accepted.id)
    return replace(standing, phase=Phase.WAITING, request=request, reason="")
