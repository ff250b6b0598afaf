"""The cache: an archive unpacked into it, where the web reads (steps 5 and 6), and its pruning."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy.orm import Session

from flows.common import run
from flows.common.database import now
from flows.common.directories import private_directory, remove_dead
from flows.common.flow import task
from flows.common.run import Announce
from flows.payload_logs import cache, repository
from flows.payload_logs.archive import unpack
from flows.payload_logs.errors import CacheUnwritable
from flows.payload_logs.models import LogState, Step
from flows.payload_logs.tasks.copying import Archive
from flows.payload_logs.tasks.progress import note

_STUCK: Final = timedelta(days=1)  # no fetch takes so long: its run was lost for good


# ------------------------------------------------------------------ publishing


@task("publish the log", delays=())
def publish_log(archive: Archive) -> dict[str, Any]:
    """Unpack an archive into the cache, in the place of what is there; gives its origin.

    Raises:
        ArchiveBroken, ArchiveTooLarge, NoKnownMember: As the archive is.
        CacheUnwritable: The cache cannot be written; nothing of it is left.
        FetchTimedOut: The time of the whole fetch is over.
    """
    log = archive.log
    directory = cache.directory_for(log, run.current().settings)
    assert directory is not None  # noqa: S101 - the look-up found its task
    prefix = cache.left_of(log.pandaid)
    note(log.pandaid, Step.UNPACK, "unpacking the log")
    try:
        remove_dead(directory.parent, prefix)
        with private_directory(directory.parent, prefix, parent_mode=cache.PUBLIC) as private:
            return _fill_and_publish(archive, private, directory)
    except OSError as error:
        raise CacheUnwritable(directory, error) from error


def _fill_and_publish(archive: Archive, private: Path, directory: Path) -> dict[str, Any]:
    present = run.current()
    limits = present.settings.payload_logs
    unpacked = unpack(archive.path, private, limits, tick=present.remaining)
    members = [asdict(each) for each in unpacked.members]
    names = [each["name"] for each in members]
    note(archive.log.pandaid, Step.PUBLISH, f"publishing {', '.join(names)[:200]}")
    origin = {
        "request_id": present.claim.request_id,
        "scope": archive.log.scope,
        "lfn": archive.log.lfn,
        "rse": archive.rse,
        "size_bytes": archive.size_bytes,
        "adler32": archive.adler32,
        "fetched_at": now().isoformat(),
        "members": members,
        "unshown": [asdict(each) for each in unpacked.unshown],
        "unshown_count": unpacked.unshown_count,
    }
    cache.publish(private, directory, names, origin)
    return origin


# ------------------------------------------------------------------ pruning


@dataclass(frozen=True)
class _CachedLog:
    """A job's directory in the cache."""

    jeditaskid: int
    pandaid: int
    directory: Path
    fetched_at: datetime
    size_bytes: int


@task("prune the cache")
def prune_cache() -> tuple[dict[str, int], list[str]]:
    """Delete what is too old or too much; one that is being fetched is left.

    Returns:
        Numbers: deleted, deleted_bytes, kept, kept_bytes. And what could not be read or deleted,
        each with its path and the reason; it hinders nothing else.
    """
    failures: list[str] = []
    _remove_left(failures)
    logs = sorted(_cached(failures), key=lambda each: each.fetched_at)
    deleted = [each for each in _too_much(logs) if _delete_if_possible(each, failures)]
    gone = sum(each.size_bytes for each in deleted)
    numbers = {
        "deleted": len(deleted),
        "deleted_bytes": gone,
        "kept": len(logs) - len(deleted),
        "kept_bytes": sum(each.size_bytes for each in logs) - gone,
    }
    return numbers, failures


@contextmanager
def _noting(failures: list[str], path: Path) -> Iterator[None]:
    """Do something with a directory; what the disk refuses is noted."""
    try:
        yield
    except FileNotFoundError:
        pass  # it is gone: somebody else removed it
    except OSError as error:
        failures.append(f"{path}: {error.strerror or error}")


def _remove_left(failures: list[str]) -> None:
    """Remove what dead runs left."""
    configured = run.current().settings.stack
    places = [(each, cache.LEFT) for each in cache.root_of(configured.tmp_dir).glob("*/")]
    places.append((cache.copies_of(configured.state_dir), ""))
    for place, prefix in places:
        for path, error in remove_dead(place, prefix).items():
            failures.append(f"{path}: {error.strerror or error}")


def _cached(failures: list[str]) -> list[_CachedLog]:
    found: list[_CachedLog] = []
    for of_task in cache.numbered(cache.root_of(run.current().settings.stack.tmp_dir)):
        with _noting(failures, of_task):
            for job in cache.numbered(of_task):
                with _noting(failures, job):
                    moment, size = cache.fetched_at(job), cache.size_of(job)
                    found.append(_CachedLog(int(of_task.name), int(job.name), job, moment, size))
    return found


def _too_much(logs: list[_CachedLog]) -> Iterator[_CachedLog]:
    """Of the logs, oldest first, those that are to go."""
    configured = run.current().settings.payload_logs
    floor = now() - timedelta(days=configured.cache_days)
    total = sum(each.size_bytes for each in logs)
    for each in logs:
        if each.fetched_at >= floor and total <= configured.cache_bytes:
            return
        total -= each.size_bytes
        yield each


def _delete_if_possible(log: _CachedLog, failures: list[str]) -> bool:
    with _noting(failures, log.directory):
        return _delete(log)
    return False


def _delete(log: _CachedLog) -> bool:
    """Delete a log, unless it is being fetched, or was fetched anew."""

    def delete(session: Session, _: Announce) -> bool:
        row = repository.locked(session, log.jeditaskid, log.pandaid)
        is_wanted = row.state == LogState.WANTED and row.updated_at >= now() - _STUCK
        if is_wanted or cache.fetched_at(log.directory) > log.fetched_at:
            return False
        cache.take_away(log.directory)
        if row.state == LogState.READY and row.jeditaskid == log.jeditaskid:
            row.state = LogState.PRUNED
        return True

    return run.current().write(delete)
