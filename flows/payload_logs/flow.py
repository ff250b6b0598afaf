"""A payload log fetched into the cache, and the cache pruned."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from blocks.errors import ProdOpsError
from flows.common import outages, run
from flows.common.actions import Nothing
from flows.common.claims import ClaimLost
from flows.common.database_errors import DatabaseUnavailable
from flows.common.directories import private_directory, remove_dead
from flows.common.flow import flow
from flows.common.models import RequestState
from flows.common.run import Announce, Ending
from flows.payload_logs import cache, messages, repository
from flows.payload_logs.actions import FETCH_PAYLOAD_LOG, PRUNE_PAYLOAD_LOGS, FetchPayloadLog
from flows.payload_logs.domain import failures
from flows.payload_logs.errors import (
    AttemptsExhausted,
    CacheUnwritable,
    FetchFailed,
    FetchTimedOut,
    JobUnknown,
    LogAbsent,
)
from flows.payload_logs.models import LogState, PayloadLog
from flows.payload_logs.tasks.caching import prune_cache, publish_log
from flows.payload_logs.tasks.copying import copy_log
from flows.payload_logs.tasks.finding import Cached, Located, find_log

_PREFIX: Final = "fetch."
_PRIVATE: Final = 0o700
_MOST_REFUSED: Final = 20


@flow(FETCH_PAYLOAD_LOG)
def fetch_payload_log(order: FetchPayloadLog) -> dict[str, Any]:
    """Fetch a job's log into the cache, and end the request with it, or with the reason.

    Returns:
        The record: members, and source, the RSE or `cache`.

    Raises:
        FetchFailed: There is no log, or nothing new; the reason is recorded and announced.
        ClaimLost, DatabaseUnavailable: Nothing could be recorded: a later run does it again.
    """
    present = run.current()
    present.limit_to(present.settings.payload_logs.timeout_seconds, FetchTimedOut)
    try:
        remove_dead(cache.copies_of(present.settings.stack.state_dir), _PREFIX)
        found = find_log(order)
        return _take(found) if isinstance(found, Cached) else _fetch(found)
    except (ClaimLost, DatabaseUnavailable):
        raise
    except ProdOpsError as failure:
        raise FetchFailed(_fail(order.pandaid, failure)) from failure


@flow(PRUNE_PAYLOAD_LOGS)
def prune_payload_logs(_: Nothing) -> dict[str, Any]:
    """Delete expired payload logs from the cache, and the oldest while it is too large.

    Returns:
        Numbers: deleted, deleted_bytes, kept, kept_bytes.
    """
    result, failures = prune_cache()
    run.current().finish_parts(result, failures)
    return result


def _fetch(located: Located) -> dict[str, Any]:
    directory = cache.copies_of(run.current().settings.stack.state_dir)
    try:
        with private_directory(directory, _PREFIX, parent_mode=_PRIVATE) as private:
            archive = copy_log(located, private)
            origin = publish_log(archive)
    except OSError as error:
        raise CacheUnwritable(directory, error) from error
    return _end_ready(archive.log, archive.rse, **_values_of(origin, archive.log))


def _take(hit: Cached) -> dict[str, Any]:
    """End with what is there; a lost run's remains go, and the row gets what it could not write."""
    remove_dead(hit.directory.parent, cache.left_of(hit.log.pandaid))
    order = run.current().settings.payload_logs.members
    members = cache.members_in(hit.directory, order)
    values: dict[str, Any] = {"members": members, "fetched_at": cache.fetched_at(hit.directory)}
    if origin := cache.origin_of(hit.directory):
        values = _values_of(origin, hit.log)
    return _end_ready(hit.log, "cache", **values)


def _values_of(origin: dict[str, Any], log: PayloadLog) -> dict[str, Any]:
    """What the row of a log gets from its origin; a success of this request ends its failures."""
    values = {name: origin[name] for name in ("members", "rse", "size_bytes", "adler32")}
    # Those that were cached before do not say it.
    values["unshown"] = origin.get("unshown", [])
    values["unshown_count"] = origin.get("unshown_count", 0)
    values["fetched_at"] = datetime.fromisoformat(origin["fetched_at"])
    if origin["request_id"] == log.request_id:
        values |= {"attempts": 0, "last_error": None}
    return values


def _end_ready(
    log: PayloadLog,
    source: str,
    *,
    members: list[dict[str, Any]],
    unshown: Sequence[dict[str, Any]] = (),
    **values: Any,
) -> dict[str, Any]:
    """End row and request with the log in the cache; gives the request's result."""
    result: dict[str, Any] = {"members": [each["name"] for each in members], "source": source}
    if refused := [f"{each['path']} {each['reason']}" for each in unshown if each["reason"]]:
        result["refused"] = refused[:_MOST_REFUSED]
    values |= {"state": LogState.READY, "step": "", "step_text": "", "members": members}
    values["unshown"] = list(unshown)

    def end(session: Session, announce: Announce) -> Ending:
        repository.write(session, log.pandaid, **values)
        announce(messages.ready(log.pandaid, log.jeditaskid, run.current().claim))
        return Ending(result=result)

    run.current().finish(end)
    return result


def _fail(pandaid: int, failure: ProdOpsError) -> str:
    """End row and request without a log, and announce why; gives the reason.

    Only what is the log's own counts as an attempt: see :func:`failures.is_of_the_log`.
    """
    present, reason = run.current(), str(failure)
    log = present.read(lambda session: repository.get(session, pandaid))
    state, attempts, last_error = LogState.FAILED, log.attempts, log.last_error
    if isinstance(failure, LogAbsent):
        state = LogState.NO_JOB if isinstance(failure, JobUnknown) else LogState.NO_LOG
        last_error = reason
    elif not isinstance(failure, AttemptsExhausted):  # then nothing was tried
        attempts += failures.is_of_the_log(failure, log.step)
        reason += _mark_failure(log, attempts, reason)
        last_error = reason

    def end(session: Session, announce: Announce) -> Ending:
        values = {"state": state, "last_error": last_error, "attempts": attempts}
        repository.write(session, pandaid, **values)
        announce(messages.failed(pandaid, log.jeditaskid, reason, attempts, present.claim))
        outage = outages.result_of(is_outage=failures.is_of_the_outside(failure))
        return Ending(state=RequestState.FAILED, result=outage, error=reason)

    present.finish(end)
    return reason


def _mark_failure(log: PayloadLog, attempts: int, reason: str) -> str:
    """Leave the mark that peers read; gives what is to be added to the reason."""
    directory = cache.directory_for(log, run.current().settings)
    try:
        if directory is not None:
            cache.note_failure(directory, attempts, reason)
    except CacheUnwritable as error:
        return f"; {error}"
    return ""
