"""Payload logs: which replica is tried first."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from blocks.rucio_catalog import Replica
from flows.payload_logs.domain import replicas as domain

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
    assert tried(replica("BNL-XRD", scheme="davs")) == []


@given(st.permutations([replica(f"R{n}", priority=n % 2) for n in range(6)]))
def test_the_order_does_not_depend_on_that_of_rucio(replicas):
    assert tried(*replicas) == [f"R{n}" for n in range(6)]
