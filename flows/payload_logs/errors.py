"""What may keep a payload log from being had; each says in one line what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from blocks.errors import NotFound, ProdOpsError, Refused

_MOST_NAMED: Final = 20


class FetchFailed(ProdOpsError):
    """The fetch ended without a log; the reason is recorded and announced."""


class LogAbsent(NotFound):
    """There is nothing to fetch, as PanDA says; later there may be."""


class JobUnknown(LogAbsent):
    """PanDA knows no such job."""


class AttemptsExhausted(Refused):
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
    """Rucio knows replicas, and none that can be read here now."""

    def __init__(self, did: str, places: str) -> None:
        super().__init__(f"{did} has no available replica that can be read here: {places}")


class ReplicasFailed(ProdOpsError):
    """Every available replica was tried.

    Attributes:
        causes: What each ended with.
    """

    def __init__(self, reasons: Sequence[str], causes: Sequence[ProdOpsError]) -> None:
        super().__init__("; ".join(reasons))
        self.causes = tuple(causes)


class ArchiveTooLarge(Refused):
    """The archive, or what it unpacks to, is more than is taken."""


class ArchiveBroken(ProdOpsError):
    """The archive is no tar compressed with gzip, or breaks off."""


class NoKnownMember(NotFound):
    """The archive holds none of the members that are kept; says what it holds.

    Args:
        unshown: What it holds, those with a known name and the reason first.
        count: How much there is of it.
    """

    def __init__(self, unshown: Sequence[object], count: int) -> None:
        shown = [str(each) for each in unshown[:_MOST_NAMED]]
        more = [f"and {count - len(shown)} more"] if count > len(shown) else []
        held = f"; it holds {', '.join(shown + more)}" if shown else ""
        super().__init__(f"tarball contained none of the expected log members{held}")


class CacheUnwritable(ProdOpsError):
    """The log could not be written here, as on a full disk."""

    def __init__(self, path: Path | str, error: OSError) -> None:
        super().__init__(f"cannot write {path}: {error.strerror or error}")
