"""What a batch of lifecycle messages changes of each run."""

from __future__ import annotations

from typing import Any

import pytest

from flows.common.run_states import RunChange, RunPhase, fold
from flows.fastmon.schemas import Lifecycle, parse


def changes(*bodies: dict[str, Any]) -> list[RunChange]:
    parsed = (parse({"run_id": "100013", **body}) for body in bodies)
    return fold(message for message in parsed if isinstance(message, Lifecycle))


def test_messages_count_in_their_order():
    (change,) = changes(
        {"msg_type": "run_imminent", "state": "beam", "substate": "not_ready"},
        {"msg_type": "start_run", "state": "run", "substate": "physics", "execution_id": "e-1"},
        {"msg_type": "pause_run", "state": "run", "substate": "standby", "execution_id": "e-2"},
    )
    assert change == RunChange(
        run_number=100013, phase=RunPhase.PHYSICS, state="run", substate="standby",
        execution_id="e-1",
    )  # fmt: skip


def test_an_expected_run_has_no_phase_of_its_own():
    (change,) = changes({"msg_type": "run_imminent", "state": "beam", "substate": "not_ready"})
    assert (change.phase, change.state) == (None, "beam")


def test_nothing_after_its_end_reopens_a_run():
    (change,) = changes(
        {"msg_type": "end_run"},
        {"msg_type": "resume_run", "state": "run", "substate": "physics", "execution_id": "e-1"},
    )
    assert change == RunChange(
        run_number=100013, phase=RunPhase.COMPLETED, state="ended", execution_id="e-1"
    )


def test_runs_are_told_apart_and_ordered_by_their_numbers():
    found = changes(
        {"msg_type": "start_run", "run_id": 7},
        {"msg_type": "end_run", "run_id": "6"},
        {"msg_type": "pause_run", "run_id": "07"},
    )
    assert [each.run_number for each in found] == [6, 7]


@pytest.mark.parametrize(
    "body",
    [
        {"msg_type": "stf_gen", "state": "run"},
        {"msg_type": "stf_ready", "filename": "a.stf"},
        {"msg_type": "start_run", "run_id": "x"},
        {"msg_type": "start_run", "run_id": None},
        {"msg_type": "start_run", "run_id": str(2**31)},
    ],
)
def test_other_messages_and_runs_without_a_number_change_nothing(body):
    assert changes(body) == []


@pytest.mark.parametrize("state", [5, None, [], "", "x" * 21, {"a": 1}])
def test_a_state_that_is_none_is_as_good_as_absent(state):
    (change,) = changes({"msg_type": "start_run", "state": state, "substate": state})
    assert (change.phase, change.state, change.substate) == (RunPhase.PHYSICS, None, None)
