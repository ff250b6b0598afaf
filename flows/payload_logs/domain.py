"""Which replica is tried first, and what is said of one that failed. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from blocks import xrootd_storage as storage
from blocks.rucio_catalog import Replica

_TAPE: Final = "TAPE"
_LAN: Final = "lan"
_FACTS: Final[Mapping[type[storage.StorageError], str]] = {
    storage.DoorClosed: "the door is closed",
    storage.DoorStalled: "the door stalls",
    storage.UnknownHost: "the door's host is unknown",
    storage.TransferBroken: "the copy broke off",
    storage.ReplicaMissing: "the file is not there",
    storage.ReplicaRefused: "the door refuses the file to us",
    storage.AuthenticationFailed: "the door does not accept our proxy",
    storage.UnsupportedScheme: "the scheme is not read here",
    storage.SizeMismatch: "the size is not the catalogue's",
    storage.ChecksumMismatch: "the checksum is not the catalogue's",
    storage.DestinationFailed: "the copy could not be written here",
}


def in_order(
    replicas: Sequence[Replica], *, local_rses: Sequence[str], schemes: Sequence[str]
) -> tuple[Replica, ...]:
    """The replicas that can be read, in the order they are tried.

    Near ones first, in the order of the setting; then disk before tape, then by name. Where none
    has a scheme that is read here, all, so that the failure names them.
    """
    available = [each for each in replicas if each.is_available]
    readable = [each for each in available if urlsplit(each.pfn).scheme in schemes]
    nearness = {rse: number for number, rse in enumerate(local_rses)}

    def rank(each: Replica) -> tuple[int, bool, str, bool, int, str]:
        near = nearness.get(each.rse, len(nearness))
        is_far = each.domain != _LAN
        return near, each.rse_type == _TAPE, each.rse, is_far, each.priority, each.pfn

    return tuple(sorted(readable or available, key=rank))


def states_of(replicas: Sequence[Replica]) -> dict[str, str]:
    """The state of each RSE's replica."""
    return {each.rse: each.state for each in replicas}


def reason_of(rse: str, error: storage.StorageError) -> str:
    """What is wrong with an RSE's replica, in a line."""
    fact = _FACTS.get(type(error), "the copy failed")
    return f"{rse}: {fact}" + (f" ({error.reason})" if error.reason != error.fact else "")


def in_words(size_bytes: int) -> str:
    """A size for people: 999 B, 12 kB, 1.5 MB, 12 MB, 1.2 GB."""
    size, unit = float(size_bytes), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if size < 999.5:  # noqa: PLR2004 - would be shown as 1000
            break
        size, unit = size / 1000, larger
    digits = 1 if size < 9.95 and unit != "B" else 0  # noqa: PLR2004
    return f"{size:.{digits}f} {unit}"
