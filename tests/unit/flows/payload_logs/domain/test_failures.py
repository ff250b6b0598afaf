"""Payload logs: what is said of a failure, and which count against the job."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from blocks import xrootd_storage as storage
from blocks.panda_server.errors import PandaUnavailable, TokenRefused
from blocks.rucio_catalog import DidNotFound, FileReplicas, NoReplicas, Replica, RucioUnauthorized
from blocks.rucio_catalog.errors import RucioRefused, RucioUnavailable, RucioUntrusted
from blocks.x509_proxy import (
    ProxyExpired,
    ProxyIncomplete,
    ProxyMissing,
    ProxyNotYetValid,
    ProxyUnreadable,
)
from flows.common.settings import BadSetting
from flows.payload_logs.domain import failures
from flows.payload_logs.errors import (
    ArchiveBroken,
    ArchiveTooLarge,
    CacheUnwritable,
    FetchTimedOut,
    NoKnownMember,
    NoReplicaAvailable,
    ReplicasFailed,
)
from flows.payload_logs.models import Step

ROOT = ("root", "roots")


def replica(rse: str, state: str = "AVAILABLE", scheme: str = "root", **more) -> Replica:
    return Replica(rse, f"{scheme}://{rse.lower()}.example:1094//eic/x", state, **more)


def file(*replicas: Replica, **states: str) -> FileReplicas:
    named = {each.rse: each.state for each in replicas}
    more = {rse.replace("_", "-"): state for rse, state in states.items()}
    return FileReplicas("s", "n", 1, None, replicas, named | more)


@pytest.mark.parametrize(
    ("known", "said"),
    [
        (file(BNL_XRD="AVAILABLE"), "BNL-XRD is AVAILABLE, without a path to it"),
        (file(replica("A", "")), "A is in a state that Rucio does not give, by root"),
        (file(replica("A", scheme="davs")), "A is AVAILABLE, by davs"),
        (file(replica("A", scheme="davs"), replica("A", scheme="https"), B="BAD"),
         "A is AVAILABLE, by davs and https; B is BAD, without a path to it"),
        (file(replica("A", "COPYING")), "A is COPYING, by root"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_said_by_rse_state_and_scheme(known, said):
    assert failures.places_of(known, ROOT) == f"{said} (read here: root, roots)"


JOB_S = [
    ArchiveBroken("x"), ArchiveTooLarge("x"), NoKnownMember([], 0), NoReplicas("s", "n"),
    DidNotFound("s", "n"), ReplicasFailed([], [storage.ReplicaMissing("root://x//y")]),
    ReplicasFailed([], [storage.SizeMismatch("p"), storage.ChecksumMismatch("p")]),
    ReplicasFailed([], [storage.EmptyFile("p")]),
]  # fmt: skip
OTHERS = [
    ProxyExpired(Path("p"), datetime(2026, 1, 2, tzinfo=UTC)),
    ProxyNotYetValid(Path("p"), datetime(2099, 1, 2, tzinfo=UTC)), ProxyMissing(Path("p"), "x"),
    ProxyIncomplete(Path("p"), "CN=ann", "CN=an authority"), ProxyUnreadable(Path("p"), "x"),
    RucioUnauthorized("x"), RucioUnavailable("x"), RucioUntrusted("x"), RucioRefused(500, "x"),
    TokenRefused("x"),
    CacheUnwritable("x", OSError(28, "No space left on device")), BadSetting("x"),
    PandaUnavailable("x"), NoReplicaAvailable("did", "A is UNAVAILABLE, by root"),
    ReplicasFailed([], [storage.DoorClosed("p")]),
    ReplicasFailed([], [storage.ReplicaMissing("p"), storage.DoorStalled("p")]),
    ReplicasFailed([], [storage.AuthenticationFailed("p")]),
    ReplicasFailed([], [storage.ReplicaRefused("p")]),
    ReplicasFailed([], [storage.DestinationFailed("p")]),
    ReplicasFailed([], [storage.ReplicaMissing("p"), FetchTimedOut(180)]),
]  # fmt: skip


@pytest.mark.parametrize("failure", JOB_S, ids=lambda each: type(each).__name__)
def test_what_another_fetch_would_end_with_again_counts(failure):
    assert failures.is_of_the_log(failure, Step.COPY)


@pytest.mark.parametrize("failure", OTHERS, ids=lambda each: type(each).__name__)
def test_what_others_have_to_mend_does_not_count(failure):
    assert not failures.is_of_the_log(failure, Step.COPY)


def test_time_counts_only_where_the_log_itself_takes_it():
    assert failures.is_of_the_log(FetchTimedOut(180), Step.UNPACK)
    assert not failures.is_of_the_log(FetchTimedOut(180), Step.RESOLVE)


def test_a_door_with_which_there_is_no_agreement_is_named_with_its_host():
    said = failures.reason_of("A", storage.AuthenticationFailed("root://xrd.example:1094//x"))
    assert said == (
        "A: no agreement with the door xrd.example:1094: "
        "it does not accept our proxy, or we not its certificate"
    )


def test_every_failure_of_a_door_has_its_own_words():
    kinds = [
        each for each in vars(storage).values()
        if isinstance(each, type) and issubclass(each, storage.StorageError)
        and each is not storage.StorageError
    ]  # fmt: skip
    said = {failures.reason_of("BNL-XRD", kind("root://x//y")) for kind in kinds}
    assert len(said) == len(kinds)
    assert "BNL-XRD: the door is closed" in said
    error = storage.ChecksumMismatch("root://x//y", "1 instead of 2")
    assert failures.reason_of("A", error).endswith(
        "checksum is not the catalogue's (1 instead of 2)"
    )
