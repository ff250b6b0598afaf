"""What the legs of the canary's walk come to."""

import pytest

from flows.canary.domain import Leg, LegState, Walked, reason, verdict


def walked(*states: LegState) -> list[Walked]:
    legs = list(Leg)
    return [
        Walked(leg=legs[number], state=state, seconds=1.0, text=f"text {number}")
        for number, state in enumerate(states)
    ]


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ((LegState.PASSED, LegState.SKIPPED), LegState.PASSED),
        ((LegState.PASSED, LegState.UNKNOWN), LegState.UNKNOWN),
        ((LegState.UNKNOWN, LegState.FAILED), LegState.FAILED),
        ((LegState.SKIPPED, LegState.SKIPPED), LegState.SKIPPED),
    ],
)
def test_a_walk_is_as_bad_as_its_worst_leg(states, expected):
    assert verdict(walked(*states)) is expected


def test_the_legs_that_did_not_pass_are_named_with_why():
    found = walked(LegState.FAILED, LegState.PASSED, LegState.UNKNOWN)
    assert reason(found) == "messages failed: text 0; log unknown: text 2"
    assert reason(walked(LegState.PASSED)) == ""
