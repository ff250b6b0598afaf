"""Steps 3 and 4: the archive is copied from the first door that gives it whole, and checked."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from blocks import xrootd_storage as storage
from blocks.rucio_catalog import FileReplicas, Replica
from flows.payload_logs import domain, ledger
from flows.payload_logs.errors import ArchiveTooLarge, FetchTimedOut, ReplicasFailed
from flows.payload_logs.finding import Located
from flows.payload_logs.models import PayloadLog, Step
from flows.payload_logs.workplace import workplace

_TELL_SECONDS: Final = 1.0


@dataclass(frozen=True)
class Archive:
    """An archive that was copied whole, and from where."""

    log: PayloadLog
    path: Path
    rse: str
    size_bytes: int
    adler32: str


def copy(located: Located, directory: Path) -> Archive:
    """Copy the archive into a private directory.

    Raises:
        ReplicasFailed: No door gave it; with the reason of each.
        ArchiveTooLarge: It is larger than what is fetched, and the catalogue did not say so.
        FetchTimedOut: The time of the whole fetch is over.
    """
    reasons: list[str] = []
    destination = directory / "log.tgz"
    for replica in located.replicas:
        try:
            archive = _copy_from(replica, located, destination, reasons)
        except storage.DestinationFailed as error:
            # Another door would not help.
            raise ReplicasFailed([*reasons, domain.reason_of(replica.rse, error)]) from error
        except storage.StorageError as error:
            reasons.append(domain.reason_of(replica.rse, error))
            _check_time(reasons)
        else:
            ledger.note(archive.log.pandaid, Step.VERIFY, _agreement(archive, located.file))
            return archive
    raise ReplicasFailed(reasons)


def _copy_from(
    replica: Replica, located: Located, destination: Path, reasons: list[str]
) -> Archive:
    log, file = located.log, located.file
    told = _Progress(log.pandaid, replica.rse, file.size_bytes, reasons)
    copied = storage.copy(
        replica.pfn,
        destination,
        access=workplace().storage,
        limits=workplace().storage_limits,
        expected_size=file.size_bytes,
        expected_adler32=file.adler32,
        on_progress=_bounded(told.at),
    )
    if copied.size_bytes == 0:
        destination.unlink()
        raise storage.TransferBroken(replica.pfn, "the file is empty")
    return Archive(log, destination, replica.rse, copied.size_bytes, copied.adler32)


class _Progress:
    """Tells where the copy is: at its begin, and then now and again."""

    def __init__(self, pandaid: int, rse: str, size_bytes: int | None, reasons: list[str]) -> None:
        self._pandaid = pandaid
        self._rse = rse
        self._whole = domain.in_words(size_bytes) if size_bytes is not None else "the log"
        self._after = f" (after {reasons[-1]})" if reasons else ""
        self._tell(f"copying {self._whole}")

    def at(self, size_bytes: int) -> None:
        if time.monotonic() - self._told_at > _TELL_SECONDS:
            self._tell(f"copying {domain.in_words(size_bytes)} of {self._whole}")

    def _tell(self, text: str) -> None:
        ledger.note(self._pandaid, Step.COPY, f"{text} from {self._rse}{self._after}")
        self._told_at = time.monotonic()


def _bounded(tell: Callable[[int], None]) -> Callable[[int], None]:
    most = workplace().settings.payload_logs.max_archive_bytes

    def tell_and_check(size_bytes: int) -> None:
        if size_bytes > most:
            raise ArchiveTooLarge(f"the archive has more than the {most} bytes that are fetched")
        tell(size_bytes)

    return tell_and_check


def _check_time(reasons: list[str]) -> None:
    try:
        workplace().tick()
    except FetchTimedOut as end:
        raise ReplicasFailed([*reasons, str(end)]) from end


def _agreement(archive: Archive, file: FileReplicas) -> str:
    size = domain.in_words(archive.size_bytes)
    known = [
        name
        for name, value in (("size", file.size_bytes), ("checksum", file.adler32))
        if value is not None
    ]
    told = f"{' and '.join(known)} are the catalogue's" if known else "the catalogue has no figures"
    return f"{size} from {archive.rse}: {told}"
