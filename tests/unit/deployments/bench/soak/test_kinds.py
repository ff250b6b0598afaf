"""The mixed load asks for every action of the catalogue, or says why not."""

from __future__ import annotations

import pytest

from deployments.bench.soak.kinds import LEFT_OUT, MIXED, RARE, Ending, Kind, ending_of
from flows.common import actions

WHY = "no campaign '00.00.7': PCS does not know it, and Rucio has nothing of it"


def test_every_action_is_asked_for_or_left_out_with_a_reason():
    asked = {kind.value.partition(" ")[0] for kind in Kind}
    assert asked | set(LEFT_OUT) == set(actions.all_actions())
    assert not asked & set(LEFT_OUT)
    assert {*MIXED, *RARE} == set(Kind)


def test_what_cannot_work_must_fail_for_its_own_reason():
    ending = ending_of(Kind.SWEEP_UNKNOWN)
    assert ending.is_met("failed", WHY)
    assert not ending.is_met("failed", "the run was lost")
    assert not ending.is_met("failed", None)
    assert not ending.is_met("completed", None)


@pytest.mark.parametrize("state", ["failed", "cancelled", "unknown"])
def test_everything_else_must_complete(state: str):
    assert ending_of(Kind.SUBMIT).is_met("completed", None)
    assert not ending_of(Kind.SUBMIT).is_met(state, None)


def test_an_ending_says_what_it_is():
    assert str(Ending(frozenset({"failed"}), "unknown job")) == "failed: unknown job"
