"""The simulated data-taking run: sequence, order and keys of its messages."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.workflows.domain import simulation

STARTED = datetime(2026, 1, 2, tzinfo=UTC)


@st.composite
def plans(draw: st.DrawFn) -> simulation.RunPlan:
    stfs = draw(st.integers(1, 40))
    return simulation.RunPlan(
        run_number=draw(st.integers(0, 10**9)),
        stfs=stfs,
        rate_hz=draw(st.floats(0.01, 1000)),
        physics_periods=draw(st.integers(1, stfs)),
        size_bytes=draw(st.none() | st.integers(0, 10**12)),
        tf_count=draw(st.none() | st.integers(0, 10**6)),
        seed=draw(st.integers(0, 99)),
        standby_seconds=draw(st.floats(0, 5)),
        started=STARTED,
    )


def messages(plan: simulation.RunPlan) -> list[simulation.Message]:
    return [message for _, message in simulation.simulate_run(plan)]


def of_type(sent: list[simulation.Message], msg_type: str) -> list[simulation.Message]:
    return [message for message in sent if message["msg_type"] == msg_type]


@given(plans())
def test_a_run_begins_and_ends_once_and_its_periods_alternate(plan):
    kinds = [m["msg_type"] for m in messages(plan) if m["msg_type"] in simulation.LIFECYCLE]
    standbys = ["pause_run", "resume_run"] * (plan.physics_periods - 1)
    assert kinds == ["run_imminent", "start_run", *standbys, "end_run"]


@given(plans())
def test_every_stf_is_generated_and_then_ready_once_in_order(plan):
    sent = messages(plan)
    wanted = [(n, f"swf.{plan.run_id}.{n:06d}.stf") for n in range(1, plan.stfs + 1)]
    for kind in ("stf_gen", "stf_ready"):
        assert [(m["sequence"], m["filename"]) for m in of_type(sent, kind)] == wanted
    order = [(m["msg_type"], m.get("sequence")) for m in sent]
    assert all(order.index(("stf_gen", n)) < order.index(("stf_ready", n)) for n, _name in wanted)


@given(plans())
def test_stfs_are_generated_only_while_physics_is_on(plan):
    is_on = False
    for message in messages(plan):
        kind = message["msg_type"]
        if kind in simulation.LIFECYCLE:
            is_on = kind in ("start_run", "resume_run")
        assert kind != "stf_gen" or is_on


@given(plans())
def test_the_last_stf_is_ready_after_the_end_of_the_run(plan):
    last = messages(plan)[-1]
    assert (last["msg_type"], last["sequence"]) == ("stf_ready", plan.stfs)


@given(plans())
def test_pauses_add_up_to_the_times_that_the_messages_carry(plan):
    passed = 0.0
    for pause_seconds, message in simulation.simulate_run(plan):
        assert pause_seconds >= 0
        passed += pause_seconds
        at = datetime.fromisoformat(message["timestamp"])
        assert abs(at - STARTED - timedelta(seconds=passed)) < timedelta(milliseconds=1)


@given(plans())
def test_the_end_counts_the_stfs(plan):
    (end,) = of_type(messages(plan), "end_run")
    assert end["total_stf_files"] == plan.stfs


@given(plans())
def test_a_plan_gives_the_same_run_every_time(plan):
    assert messages(plan) == messages(plan)


def test_messages_have_the_keys_of_the_wire_in_their_order():
    common = ["msg_type", "namespace", "execution_id", "run_id"]
    timed = ["timestamp", "simulation_tick"]
    wanted = {
        "run_imminent": [*common, *timed, "state", "substate", "sender"],
        "start_run": [*common, *timed, "state", "substate", "sender"],
        "stf_gen": [*common, "filename", "sequence", *timed, "state", "substate", "sender"],
        "pause_run": [*common, *timed, "state", "substate", "reason", "sender"],
        "end_run": [*common, *timed, "total_stf_files", "sender"],
    }
    sent = messages(simulation.RunPlan(run_number=7, stfs=2, physics_periods=2))
    assert {kind: list(of_type(sent, kind)[0]) for kind in wanted} == wanted


def test_stf_ready_begins_with_the_keys_of_the_original():
    (ready,) = of_type(messages(simulation.RunPlan(run_number=7, stfs=1)), "stf_ready")
    assert " ".join(list(ready)[:14]) == (
        "msg_type namespace filename run_id file_url checksum size_bytes start end"
        " state substate sequence simulation_tick processed_by"
    )
    assert ready["sender"] == ready["processed_by"] == "data-agent-prodops-1"
    assert ready["run_id"] == "7"


def test_without_size_and_tf_count_stf_ready_is_as_the_original_sends_it():
    plan = simulation.RunPlan(run_number=7, stfs=1, size_bytes=None, tf_count=None)
    (ready,) = of_type(messages(plan), "stf_ready")
    empty = ("file_url", "checksum", "size_bytes", "start", "end")
    assert [ready[key] for key in empty] == [None] * 5
    assert "tf_count" not in ready


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("stfs", 0),
        ("rate_hz", 0.0),
        ("rate_hz", math.nan),
        ("physics_periods", 3),
        ("run_number", -1),
    ],
)
def test_a_plan_that_makes_no_run_says_why(part, value):
    with pytest.raises(simulation.BadRunPlan, match="cannot simulate this run"):
        simulation.RunPlan(**{"run_number": 1, "stfs": 2, part: value})
