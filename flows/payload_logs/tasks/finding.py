"""Steps 1 and 2: which file the job's log is, and where it can be read; or that it is here."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from blocks.errors import OutsideUnavailable
from blocks.rucio_catalog import FileReplicas, Replica, RucioCatalog
from blocks.x509_proxy import good_proxy
from flows.common import adapters, run
from flows.common.database_errors import DatabaseUnavailable
from flows.common.flow import task
from flows.common.run import Run
from flows.payload_logs import cache, repository
from flows.payload_logs.actions import FetchPayloadLog
from flows.payload_logs.domain import failures, replicas
from flows.payload_logs.errors import (
    ArchiveTooLarge,
    AttemptsExhausted,
    NoReplicaAvailable,
    OutageLasts,
)
from flows.payload_logs.models import LocatedBy, PayloadLog, Step
from flows.payload_logs.tasks.locating import is_elsewhere, locate_log
from flows.payload_logs.tasks.progress import note

_DELAYS: Final = (0.5, 2.0, 4.0, 8.0, 8.0)
_PATIENCE_SECONDS: Final = 20.0  # a reader waits: a longer outage is shown, and may be tried again


@dataclass(frozen=True)
class Located:
    """A log that is to be fetched: the file, and its replicas in the order they are tried."""

    log: PayloadLog
    file: FileReplicas
    replicas: tuple[Replica, ...]


@dataclass(frozen=True)
class Cached:
    """A log that is in the cache already."""

    log: PayloadLog
    directory: Path


@task("find the log", delays=_DELAYS)
def find_log(order: FetchPayloadLog) -> Located | Cached:
    """Find the log of a job.

    Raises:
        LogAbsent: PanDA knows no such job, or no log of it.
        AttemptsExhausted: Only a forced fetch tries again.
        NoReplicaAvailable: It cannot be read anywhere now.
        ArchiveTooLarge: It is larger than what is fetched.
        OutsideUnavailable: PanDA, Rucio or the database did not answer; another try may help.
        OutageLasts: They were silent for too long for another.
        ProdOpsError: The proxy or a refusal keeps it from being found.
    """
    try:
        return _find(order)
    except DatabaseUnavailable:
        raise
    except OutsideUnavailable as outage:
        if run.current().elapsed() > _PATIENCE_SECONDS:
            raise OutageLasts(str(outage)) from outage
        _note_outage(order.pandaid, outage)
        raise


def _note_outage(pandaid: int, outage: OutsideUnavailable) -> None:
    """Let the reader know why it takes longer."""
    log = run.current().read(lambda session: repository.get(session, pandaid))
    note(pandaid, Step(log.step), f"{outage}; it will be asked again")


def _find(order: FetchPayloadLog) -> Located | Cached:
    log = note(order.pandaid, Step.LOOK_UP, "looking up the job's log")
    is_certain = log.located_by == LocatedBy.PANDA and not (order.force or is_elsewhere(log))
    if is_certain and (hit := _in_cache(log)):
        return hit
    log = locate_log(log, order)
    if (hit := _in_cache(log)) and (not order.force or _is_ours(hit)):
        return hit
    if not order.force and log.attempts >= run.current().settings.payload_logs.max_attempts:
        raise AttemptsExhausted(log.attempts, log.last_error)
    return _find_replicas(log)


def _in_cache(log: PayloadLog) -> Cached | None:
    directory = cache.directory_for(log, run.current().settings)
    is_whole = directory is not None and cache.is_whole(directory, log)
    return Cached(log, directory) if directory and is_whole else None


def _is_ours(hit: Cached) -> bool:
    """Whether a lost run of this request published it."""
    origin = cache.origin_of(hit.directory)
    return origin.get("request_id") == run.current().claim.request_id


def _find_replicas(log: PayloadLog) -> Located:
    present = run.current()
    did = f"{log.scope}:{log.lfn}"
    catalog = present.adapter(_catalog)
    log = note(log.pandaid, Step.RESOLVE, f"asking Rucio for the replicas of {did}")
    assert log.scope is not None  # noqa: S101 - the look-up found them
    assert log.lfn is not None  # noqa: S101 - the look-up found them
    file = catalog.replicas(log.scope, log.lfn)
    configured = adapters.xrootd(present.sources)
    readable = replicas.in_order(
        file.replicas, local_rses=configured.local_rses, schemes=configured.schemes
    )
    if not readable:
        raise NoReplicaAvailable(did, failures.places_of(file, configured.schemes))
    most = present.settings.payload_logs.max_archive_bytes
    if file.size_bytes is not None and file.size_bytes > most:
        raise ArchiveTooLarge(f"the archive has {file.size_bytes} bytes; {most} are fetched")
    return Located(log, file, readable)


def _catalog(present: Run) -> AbstractContextManager[RucioCatalog]:
    """The Rucio that knows PanDA's logs.

    Raises:
        ProxyUnusable: The proxy is absent, expired or unreadable; a refusal would not say so.
        BadSetting: No server is set, or no proxy where Rucio wants one.
    """
    access = adapters.logs_access(present.sources, timeout_seconds=present.remaining())
    if access.proxy_file is not None:
        good_proxy(access.proxy_file)
    return RucioCatalog(access, threads=1)
