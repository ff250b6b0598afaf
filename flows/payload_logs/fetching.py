"""A fetch from its begin to its end, whatever its steps run as."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from blocks.errors import ProdOpsError
from flows.common.database import DatabaseUnavailable
from flows.common.requests import ClaimLost
from flows.payload_logs import cache, copying, finding, ledger, publishing
from flows.payload_logs.actions import FetchPayloadLog
from flows.payload_logs.copying import Archive
from flows.payload_logs.errors import (
    AttemptsExhausted,
    CacheUnwritable,
    FetchFailed,
    JobUnknown,
    LogAbsent,
)
from flows.payload_logs.finding import Cached, Located
from flows.payload_logs.models import LogState, PayloadLog
from flows.payload_logs.private_directory import private_directory, remove_dead
from flows.payload_logs.publishing import Published
from flows.payload_logs.workplace import opened, workplace

_PREFIX: Final = "fetch."
_PRIVATE: Final = 0o700


@dataclass(frozen=True)
class Steps:
    """The steps that are one retryable effect each; the flow's are Prefect tasks."""

    find: Callable[[FetchPayloadLog], Located | Cached] = finding.find
    copy: Callable[[Located, Path], Archive] = copying.copy
    publish: Callable[[Archive], Published] = publishing.publish


def fetch(order: FetchPayloadLog, steps: Steps) -> dict[str, Any]:
    """Fetch a job's log into the cache, and end the request with it, or with the reason.

    Returns:
        What the request's result is.

    Raises:
        FetchFailed: There is no log, or nothing new; the reason is recorded and announced.
        ClaimLost, DatabaseUnavailable: Nothing could be recorded: a later run does it again.
    """
    with opened() as place:
        try:
            remove_dead(place.private_root, _PREFIX)
            found = steps.find(order)
            if isinstance(found, Cached):
                return _close_cached(found)
            return _fetch(found, steps)
        except (ClaimLost, DatabaseUnavailable):
            raise
        except ProdOpsError as failure:
            reason = _fail(order, failure)
            raise FetchFailed(reason) from failure


def _fetch(located: Located, steps: Steps) -> dict[str, Any]:
    root = workplace().private_root
    try:
        with private_directory(root, _PREFIX, parent_mode=_PRIVATE) as directory:
            archive = steps.copy(located, directory)
            published = steps.publish(archive)
    except OSError as error:
        raise CacheUnwritable(root, error) from error
    result = _result(published.members, source=archive.rse)
    if published.refused:
        result["refused"] = list(published.refused)
    ledger.close_ready(
        archive.log,
        result,
        members=published.members,
        fetched_at=published.fetched_at,
        rse=archive.rse,
        size_bytes=archive.size_bytes,
        adler32=archive.adler32,
        attempts=0,
        last_error=None,
    )
    return result


def _close_cached(hit: Cached) -> dict[str, Any]:
    """End with what is there; a lost run's remains go, and the row gets what it could not write."""
    remove_dead(hit.directory.parent, cache.left_of(hit.log.pandaid))
    order = workplace().settings.payload_logs.members
    members = cache.members_in(hit.directory, order)
    values: dict[str, Any] = {"fetched_at": cache.fetched_at(hit.directory)}
    origin = cache.origin_of(hit.directory)
    if [each["name"] for each in origin.get("members", ())] == [each["name"] for each in members]:
        members = origin["members"]
        values |= {name: origin[name] for name in ("rse", "size_bytes", "adler32")}
        values["fetched_at"] = datetime.fromisoformat(origin["fetched_at"])
        if origin["request_id"] == hit.log.request_id:
            values |= {"attempts": 0, "last_error": None}
    result = _result(members, source="cache")
    ledger.close_ready(hit.log, result, members=members, **values)
    return result


def _fail(order: FetchPayloadLog, failure: ProdOpsError) -> str:
    """Record and announce why there is no log; gives the reason."""
    log, reason = ledger.read(order.pandaid), str(failure)
    if isinstance(failure, AttemptsExhausted):  # nothing was tried: the row keeps what it has
        ledger.close_failed(
            log, LogState.FAILED, reason, attempts=log.attempts, last_error=log.last_error
        )
        return reason
    if isinstance(failure, LogAbsent):
        state = LogState.NO_JOB if isinstance(failure, JobUnknown) else LogState.NO_LOG
        ledger.close_failed(log, state, reason, attempts=log.attempts, last_error=reason)
        return reason
    attempts = log.attempts + 1
    reason += _mark_failure(log, attempts, reason)
    ledger.close_failed(log, LogState.FAILED, reason, attempts=attempts, last_error=reason)
    return reason


def _mark_failure(log: PayloadLog, attempts: int, reason: str) -> str:
    """Leave the mark that peers read; gives what is to be added to the reason."""
    if log.jeditaskid is None:
        return ""
    tmp_dir = workplace().settings.stack.tmp_dir
    try:
        directory = cache.directory_of(tmp_dir, log.jeditaskid, log.pandaid)
        cache.note_failure(directory, attempts, reason)
    except CacheUnwritable as error:
        return f"; {error}"
    return ""


def _result(members: list[dict[str, Any]], *, source: str) -> dict[str, Any]:
    return {"members": [each["name"] for each in members], "source": source}
