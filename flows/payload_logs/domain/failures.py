"""What a failure of a fetch is called, and whether it counts against the job. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from blocks import xrootd_storage as storage
from blocks.did_names import BadDidName
from blocks.errors import ProdOpsError
from blocks.rucio_catalog import DidNotFound, FileReplicas, NoReplicas, Replica
from flows.common import outages
from flows.payload_logs import errors
from flows.payload_logs.models import Step

_FACTS: Final[Mapping[type[storage.StorageError], str]] = {
    storage.DoorClosed: "the door is closed",
    storage.DoorStalled: "the door stalls",
    storage.UnknownHost: "the door's host is unknown",
    storage.TransferBroken: "the copy broke off",
    storage.ReplicaMissing: "the file is not there",
    storage.ReplicaRefused: "the door refuses the file to us",
    storage.AuthenticationFailed: "it does not accept our proxy, or we not its certificate",
    storage.UnsupportedScheme: "the scheme is not read here",
    storage.SizeMismatch: "the size is not the catalogue's",
    storage.ChecksumMismatch: "the checksum is not the catalogue's",
    storage.DestinationFailed: "the copy could not be written here",
    storage.EmptyFile: "the file is empty",
}

_OF_THE_FILE: Final = (
    storage.ReplicaMissing, storage.SizeMismatch, storage.ChecksumMismatch, storage.EmptyFile,
)  # fmt: skip
_OF_THE_LOG: Final = (
    errors.ArchiveBroken, errors.ArchiveTooLarge, errors.NoKnownMember, BadDidName, DidNotFound,
    NoReplicas,
)  # fmt: skip


def places_of(file: FileReplicas, read_here: Sequence[str]) -> str:
    """Why none of a file's replicas can be read: each RSE, its state and its schemes, in words."""
    ways: dict[str, set[str]] = {}
    for each in file.replicas:
        ways.setdefault(each.rse, set()).add(_scheme(each))
    places = []
    for rse in sorted({*file.states, *ways}):
        state = file.states.get(rse) or "in a state that Rucio does not give"
        schemes = sorted(ways.get(rse, ()))
        way = f"by {' and '.join(schemes)}" if schemes else "without a path to it"
        places.append(f"{rse} is {state}, {way}")
    return f"{'; '.join(places)} (read here: {', '.join(read_here)})"


def _scheme(replica: Replica) -> str:
    return urlsplit(replica.pfn).scheme


def reason_of(rse: str, error: storage.StorageError) -> str:
    """What is wrong with an RSE's replica, in a line."""
    fact = _FACTS.get(type(error), "the copy failed")
    if isinstance(error, storage.AuthenticationFailed):
        fact = f"no agreement with the door {urlsplit(error.pfn).netloc}: {fact}"
    return f"{rse}: {fact}" + (f" ({error.reason})" if error.reason != error.fact else "")


def is_of_the_outside(failure: ProdOpsError) -> bool:
    """Whether PanDA, Rucio or every door that was tried did not answer: the log may be well."""
    if isinstance(failure, errors.ReplicasFailed):
        return all(outages.is_outage(each) for each in failure.causes)
    return outages.is_outage(failure)


def is_of_the_log(failure: ProdOpsError, step: str) -> bool:
    """Whether a failure is the log's own, so that another fetch would end alike.

    Only such failures count against a job. A door, Rucio, PanDA or a disk that is not well, and a
    credential that is not good, are for others to mend.

    Args:
        failure: What ended the fetch.
        step: The step that it was at.
    """
    if isinstance(failure, errors.ReplicasFailed):
        return all(isinstance(each, _OF_THE_FILE) for each in failure.causes)
    if isinstance(failure, errors.FetchTimedOut):
        return step == Step.UNPACK
    return isinstance(failure, _OF_THE_LOG)
