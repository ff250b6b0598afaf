"""Steps 3 and 4: the archive is copied from the first door that gives it whole, and checked."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from blocks import xrootd_storage as storage
from blocks.errors import ProdOpsError
from blocks.rucio_catalog import FileReplicas, Replica
from flows.common import adapters, run
from flows.common.flow import task
from flows.payload_logs.domain import failures, words
from flows.payload_logs.errors import ArchiveTooLarge, FetchTimedOut, ReplicasFailed
from flows.payload_logs.models import PayloadLog, Step
from flows.payload_logs.tasks.finding import Located
from flows.payload_logs.tasks.progress import note

_NOTE_SECONDS: Final = 1.0


@dataclass(frozen=True)
class Archive:
    """An archive that was copied whole, and from where."""

    log: PayloadLog
    path: Path
    rse: str
    size_bytes: int
    adler32: str


# A door is bounded by its own limits, and answered by another replica instead of another try.
@task("copy the log", delays=())
def copy_log(located: Located, directory: Path) -> Archive:
    """Copy the archive into a private directory.

    Raises:
        ReplicasFailed: No door gave it; with the reason of each.
        ArchiveTooLarge: It is larger than what is fetched, and the catalogue did not say so.
        FetchTimedOut: The time of the whole fetch is over.
    """
    failed = _Failures()
    destination = directory / "log.tgz"
    for replica in located.replicas:
        try:
            archive = _copy_from(replica, located, destination, failed.reasons)
        except storage.DestinationFailed as error:
            # Another door would not help.
            failed.add(replica.rse, error)
            raise failed.all() from error
        except storage.StorageError as error:
            failed.add(replica.rse, error)
            failed.check_time()
        else:
            note(archive.log.pandaid, Step.VERIFY, _agreement(archive, located.file))
            return archive
    raise failed.all()


class _Failures:
    """Why each replica that was tried did not give the log."""

    def __init__(self) -> None:
        self.reasons: list[str] = []
        self._causes: list[ProdOpsError] = []

    def add(self, rse: str, error: storage.StorageError) -> None:
        self.reasons.append(failures.reason_of(rse, error))
        self._causes.append(error)

    def check_time(self) -> None:
        """End with what was tried, where the time of the whole fetch is over."""
        try:
            run.current().remaining()
        except FetchTimedOut as end:
            self.reasons.append(str(end))
            self._causes.append(end)
            raise self.all() from end

    def all(self) -> ReplicasFailed:
        return ReplicasFailed(self.reasons, self._causes)


def _copy_from(
    replica: Replica, located: Located, destination: Path, reasons: list[str]
) -> Archive:
    log, file, present = located.log, located.file, run.current()
    configured = adapters.xrootd(present.sources)
    copied = storage.copy(
        replica.pfn,
        destination,
        access=configured.access(adapters.proxy_file(present.sources)),
        limits=configured.limits(seconds=present.remaining()),
        expected_size=file.size_bytes,
        expected_adler32=file.adler32,
        on_progress=_Progress(located, replica.rse, reasons),
    )
    if copied.size_bytes == 0:
        destination.unlink()
        raise storage.EmptyFile(replica.pfn)
    return Archive(log, destination, replica.rse, copied.size_bytes, copied.adler32)


class _Progress:
    """Notes how far the copy is, at its begin and then now and again, and bounds it."""

    def __init__(self, located: Located, rse: str, reasons: list[str]) -> None:
        size = located.file.size_bytes
        self._pandaid = located.log.pandaid
        self._size = size or 0
        self._whole = words.in_words(size) if size is not None else "the log"
        self._source = f"from {rse}" + (f" (after {reasons[-1]})" if reasons else "")
        self._most = run.current().settings.payload_logs.max_archive_bytes
        self._note(f"copying {self._whole}")

    def __call__(self, size_bytes: int) -> None:
        if size_bytes > self._most:
            raise ArchiveTooLarge(
                f"the archive has more than the {self._most} bytes that are fetched"
            )
        run.current().show_progress(size_bytes, self._size, f"copied {self._source}")
        if time.monotonic() - self._noted_at > _NOTE_SECONDS:
            self._note(f"copying {words.in_words(size_bytes)} of {self._whole}")

    def _note(self, text: str) -> None:
        note(self._pandaid, Step.COPY, f"{text} {self._source}")
        self._noted_at = time.monotonic()


def _agreement(archive: Archive, file: FileReplicas) -> str:
    figures = {"size": file.size_bytes, "checksum": file.adler32}
    known = " and ".join(name for name, value in figures.items() if value is not None)
    text = f"{known} are the catalogue's" if known else "the catalogue has no figures"
    return f"{words.in_words(archive.size_bytes)} from {archive.rse}: {text}"
