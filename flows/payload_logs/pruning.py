"""The cache of payload logs kept to its age and size; nightly."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from prefect import flow

from flows.common import requests
from flows.common.database import now, transaction
from flows.common.models import RequestState
from flows.common.steps import step
from flows.payload_logs import cache, repository
from flows.payload_logs.private_directory import remove_dead
from flows.payload_logs.workplace import opened, workplace

_STUCK: Final = timedelta(days=1)  # no fetch takes so long: its run was lost for good


@dataclass(frozen=True)
class CachedLog:
    """A job's directory in the cache."""

    jeditaskid: int
    pandaid: int
    directory: Path
    fetched_at: datetime
    size_bytes: int


@flow(name="prune-payload-logs", persist_result=False)
def prune_payload_logs() -> dict[str, Any]:
    """Delete cached payload logs that are too old, and the oldest while they take too much.

    Returns:
        Numbers: deleted, deleted_bytes, kept, kept_bytes.
    """
    with opened() as place:
        result = _prune()
        with transaction(place.engine) as session:
            requests.finish(session, place.holder, RequestState.COMPLETED, result=result)
        return result


def prune() -> dict[str, int]:
    """Delete what is too old or too much; one that is being fetched is left.

    Returns:
        Numbers: deleted, deleted_bytes, kept, kept_bytes.
    """
    _remove_left()
    logs = sorted(_cached(), key=lambda each: each.fetched_at)
    deleted = [each for each in _too_much(logs) if _take_away(each)]
    gone = sum(each.size_bytes for each in deleted)
    return {
        "deleted": len(deleted),
        "deleted_bytes": gone,
        "kept": len(logs) - len(deleted),
        "kept_bytes": sum(each.size_bytes for each in logs) - gone,
    }


def _remove_left() -> None:
    """Remove what dead runs left."""
    root = cache.root_of(workplace().settings.stack.tmp_dir)
    for task in root.glob("*/"):
        remove_dead(task, cache.LEFT)
    remove_dead(workplace().private_root, "")


def _cached() -> Iterator[CachedLog]:
    for task, job, directory in cache.job_directories(workplace().settings.stack.tmp_dir):
        with suppress(FileNotFoundError):
            moment, size = cache.fetched_at(directory), cache.size_of(directory)
            yield CachedLog(task, job, directory, moment, size)


def _too_much(logs: list[CachedLog]) -> Iterator[CachedLog]:
    """Of the logs, oldest first, those that are to go."""
    configured = workplace().settings.payload_logs
    floor = now() - timedelta(days=configured.cache_days)
    total = sum(each.size_bytes for each in logs)
    for each in logs:
        if each.fetched_at >= floor and total <= configured.cache_bytes:
            return
        total -= each.size_bytes
        yield each


def _take_away(log: CachedLog) -> bool:
    """Delete a log, unless it is being fetched, or was fetched anew."""
    with transaction(workplace().engine) as session:
        stuck_before = now() - _STUCK
        may_go = repository.lock_for_pruning(
            session, log.jeditaskid, log.pandaid, stuck_before=stuck_before
        )
        if not may_go or cache.fetched_at(log.directory) > log.fetched_at:
            return False
        cache.take_away(log.directory)
        repository.note_pruned(session, log.jeditaskid, log.pandaid)
        return True


_prune: Final = step("prune the cache")(prune)
