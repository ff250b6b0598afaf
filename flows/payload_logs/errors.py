"""What may keep a payload log from being had; each says in one line what is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from blocks.errors import ProdOpsError


class FetchFailed(ProdOpsError):
    """The fetch ended without a log; the reason is recorded and announced."""


class LogAbsent(ProdOpsError):
    """There is nothing to fetch, as PanDA says; later there may be."""


class JobUnknown(LogAbsent):
    """PanDA knows no such job."""


class AttemptsExhausted(ProdOpsError):
    """So many fetches failed that only a forced one tries again."""

    def __init__(self, attempts: int, last_error: str | None) -> None:
        last = f"; the last: {last_error}" if last_error else ""
        super().__init__(f"{attempts} fetches failed, only a forced one tries again{last}")


class FetchTimedOut(ProdOpsError):
    """The fetch took longer than it may, with all that it tried."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"fetch timed out after {seconds:g}s")


class OutageLasts(ProdOpsError):
    """PanDA or Rucio was silent for longer than a reader waits."""


class NoReplicaAvailable(ProdOpsError):
    """Rucio knows replicas, and none that can be read now."""

    def __init__(self, did: str, states: Mapping[str, str]) -> None:
        known = ", ".join(f"{rse} is {state}" for rse, state in states.items())
        super().__init__(f"{did} has no available replica: {known}")


class ReplicasFailed(ProdOpsError):
    """Every available replica was tried."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__("; ".join(reasons))


class ArchiveTooLarge(ProdOpsError):
    """The archive, or what it unpacks to, is more than is taken."""


class ArchiveBroken(ProdOpsError):
    """The archive is no tar compressed with gzip, or breaks off."""


class NoKnownMember(ProdOpsError):
    """The archive holds none of the members that are kept."""

    def __init__(self, refused: Sequence[str]) -> None:
        names = f" (refused: {', '.join(refused)})" if refused else ""
        super().__init__(f"tarball contained none of the expected log members{names}")


class CacheUnwritable(ProdOpsError):
    """The log could not be written here, as on a full disk."""

    def __init__(self, path: Path | str, error: OSError) -> None:
        super().__init__(f"cannot write {path}: {error.strerror or error}")
