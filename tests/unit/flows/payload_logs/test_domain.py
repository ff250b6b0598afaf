"""Payload logs: which replica is tried first, what is said of a failure, what may be asked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks import xrootd_storage as storage
from blocks.errors import Invalid
from blocks.rucio_catalog import Replica
from blocks.xrootd_storage.errors import DoorUnavailable
from flows.payload_logs import domain
from flows.payload_logs.actions import FETCH_PAYLOAD_LOG, FetchPayloadLog

ROOT = ("root", "roots")


def replica(rse: str, state: str = "AVAILABLE", scheme: str = "root", **more) -> Replica:
    return Replica(rse, f"{scheme}://{rse.lower()}.example:1094//eic/x", state, **more)


def tried(*replicas: Replica, local: tuple[str, ...] = ("BNL-XRD",)) -> list[str]:
    return [r.rse for r in domain.in_order(replicas, local_rses=local, schemes=ROOT)]


def test_near_replicas_come_first_then_disk_before_tape_then_by_name():
    tape = replica("A-TAPE", rse_type="TAPE")
    assert tried(tape, replica("EIC-XRD"), replica("BNL-XRD"), replica("ASGC")) == [
        "BNL-XRD", "ASGC", "EIC-XRD", "A-TAPE"
    ]  # fmt: skip
    assert tried(replica("A"), replica("Z"), tape, local=("A-TAPE", "Z")) == ["A-TAPE", "Z", "A"]


def test_only_available_replicas_are_tried():
    assert tried(replica("BNL-XRD", "UNAVAILABLE"), replica("EIC-XRD")) == ["EIC-XRD"]
    assert tried(replica("BNL-XRD", "COPYING")) == []


def test_of_an_rse_s_ways_those_that_are_read_here_are_tried_and_the_near_one_first():
    ways = [replica("BNL-XRD", scheme="davs"), replica("BNL-XRD", domain="wan"),
            replica("BNL-XRD", domain="lan", priority=2)]  # fmt: skip
    order = domain.in_order(ways, local_rses=(), schemes=ROOT)
    assert [each.domain for each in order] == ["lan", "wan"]
    assert tried(replica("BNL-XRD", scheme="davs")) == ["BNL-XRD"]


@given(st.permutations([replica(f"R{n}", priority=n % 2) for n in range(6)]))
def test_the_order_does_not_depend_on_that_of_rucio(replicas):
    assert tried(*replicas) == [f"R{n}" for n in range(6)]


def test_every_failure_of_a_door_has_its_own_words():
    kinds = [
        each for each in vars(storage).values()
        if isinstance(each, type) and issubclass(each, storage.StorageError)
        and each not in {storage.StorageError, DoorUnavailable}
    ]  # fmt: skip
    said = {domain.reason_of("BNL-XRD", kind("root://x//y")) for kind in kinds}
    assert len(said) == len(kinds)
    assert "BNL-XRD: the door is closed" in said
    error = storage.ChecksumMismatch("root://x//y", "1 instead of 2")
    assert domain.reason_of("A", error).endswith("checksum is not the catalogue's (1 instead of 2)")


@pytest.mark.parametrize(
    ("size", "words"),
    [(0, "0 B"), (999, "999 B"), (1200, "1.2 kB"), (99_960, "100 kB"), (999_600, "1.0 MB"),
     (12_345_678, "12 MB"), (2 * 1024**3, "2.1 GB")],
)  # fmt: skip
def test_sizes_in_words(size, words):
    assert domain.in_words(size) == words


def test_peers_may_send_ids_as_text_and_nothing_as_empty_text():
    form = FETCH_PAYLOAD_LOG.parse(
        {"pandaid": "17", "jeditaskid": "", "scope": "", "lfn": "x.log.tgz", "force": "true"}
    )
    assert form == FetchPayloadLog(pandaid=17, lfn="x.log.tgz", force=True)


@pytest.mark.parametrize(
    "bad",
    [{"pandaid": "seventeen"}, {"pandaid": 0}, {"pandaid": 2**63}, {"jeditaskid": -1},
     {"scope": "a b"}, {"scope": "x" * 26}, {"lfn": "../x"}, {"lfn": "/a/../b"}, {"lfn": "x" * 251},
     {"lfn": "a%b"}, {"other": 1}],
)  # fmt: skip
def test_what_is_no_job_or_no_name_is_refused_with_its_field(bad):
    with pytest.raises(Invalid) as refused:
        FETCH_PAYLOAD_LOG.parse({"pandaid": 17, **bad})
    assert list(refused.value.fields) == list(bad)
