"""The states of runs, as messages bring them forward: in order, and never back from their end."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, text

from flows.common import run_states
from flows.common.database import now, transaction

pytestmark = pytest.mark.integration


def message(msg_type: str, run_id: object = "100012", **more: object) -> dict[str, object]:
    states = {"run_imminent": ("beam", "not_ready"), "pause_run": ("run", "standby")}
    state, substate = states.get(msg_type, ("run", "physics"))
    return {"msg_type": msg_type, "run_id": run_id, "state": state, "substate": substate, **more}


def advanced(engine: Engine, *batches: list[dict[str, object]]) -> list[tuple[object, ...]]:
    for batch in batches:
        with transaction(engine) as session:
            run_states.advance(session, batch, now())
    with transaction(engine) as session:
        columns = "run_number, phase, state, substate, metadata ->> 'execution_id'"
        found = session.execute(text(f"SELECT {columns} FROM swf_run_state ORDER BY 1"))
        return [tuple(row) for row in found]


@pytest.mark.parametrize(
    ("kinds", "state"),
    [
        (["run_imminent"], ("initializing", "beam", "not_ready")),
        (["run_imminent", "start_run"], ("physics", "run", "physics")),
        (["start_run", "pause_run"], ("physics", "run", "standby")),
        (["start_run", "pause_run", "resume_run"], ("physics", "run", "physics")),
        (["run_imminent", "end_run"], ("completed", "ended", None)),
        (["end_run", "start_run"], ("completed", "ended", None)),
        (["start_run", "stf_gen", "tf_file_registered"], ("physics", "run", "physics")),
    ],
)
def test_a_state_is_the_same_in_one_batch_and_in_many(ops, kinds, state):
    batch = [message(kind) for kind in kinds]
    assert advanced(ops, batch) == [(100012, *state, None)]
    others = [[each | {"run_id": 7}] for each in batch]
    assert advanced(ops, *others)[0] == (7, *state, None)


def test_the_first_execution_that_is_named_stays(ops):
    batch = [message("run_imminent"), message("start_run", execution_id="a")]
    later = [message("pause_run", execution_id="b")]
    assert advanced(ops, batch, later) == [(100012, "physics", "run", "standby", "a")]


@pytest.mark.parametrize("run_id", [None, "", "x", "test-run-001", True, 10**12, -1, 1.5])
def test_a_run_that_is_no_integer_changes_nothing(ops, run_id):
    assert advanced(ops, [message("start_run", run_id)]) == []


def test_states_of_no_length_or_too_long_are_borne(ops):
    odd = message("start_run", state="x" * 50, substate=3)
    assert advanced(ops, [odd]) == [(100012, "physics", "x" * 20, None, None)]
