"""The fast-processing agent: slices by a run's parameters, late data, results, counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deployments.agents.fast_processing import FastProcessingAgent
from tests.support.agents import World

TF = "swf.100012.000001_tf_001.tf"
COUNTED = {
    "stf_samples_received": 1, "slices_created": 3, "slices_queued": 3, "slices_processing": 0,
    "slices_completed": 0, "slices_failed": 0, "target_worker_count": 4,
}  # fmt: skip


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    parameters = {"fast_processing": {"num_tf_per_slice": 4, "target_worker_count": 4}}
    made.monitor.tables |= {
        "workflow-executions": [{"execution_id": "x-1", "parameter_values": parameters}],
        "run-states": [
            {"run_number": 100012, "phase": "physics", "metadata": {"execution_id": "x-1"}}
        ],
    }
    return made


def message(msg_type: str, **more: Any) -> dict[str, Any]:
    return {"msg_type": msg_type, "namespace": "torre1", "run_id": "100012", **more}


def tf(name: str = TF, **more: Any) -> dict[str, Any]:
    frames = {"tf_first": 5, "tf_last": 14, "tf_count": 10, "execution_id": "x-1"}
    named = {"tf_filename": name, "stf_filename": "swf.100012.000001.stf"}
    return message("tf_file_registered", **named, **frames | more)


def ranges(world: World) -> list[tuple[int, int]]:
    return [(row["tf_first"], row["tf_last"]) for row in world.table("tf-slices")]


def result(number: int, state: str) -> dict[str, Any]:
    name = f"swf.100012.000001_tf_001_slice_{number:03d}.tf"
    content = {"tf_filename": name, "state": state, "hostname": "node-1"}
    return message("slice_result", content=content)


def test_a_tf_file_is_cut_by_the_run_s_parameters_registered_and_announced(world):
    world.live(FastProcessingAgent, message("run_imminent", execution_id="x-1"), tf())
    assert ranges(world) == [(5, 8), (9, 12), (13, 14)]
    assert world.kinds() == ["slice"] * 3
    (state,) = world.table("run-states")
    assert {name: state[name] for name in COUNTED} == COUNTED
    outgoing = world.transport.outgoing[0]
    assert outgoing.destination == "/topic/panda.slices"
    assert outgoing.headers["run_id"] == "100012"
    assert outgoing.headers["namespace"] == outgoing.body["namespace"] == "torre1"


def test_what_comes_again_changes_nothing(world):
    world.live(FastProcessingAgent, tf(), tf())
    world.live(FastProcessingAgent, tf(), first=3)
    assert world.kinds() == ["slice"] * 3
    assert len(world.table("tf-slices")) == 3
    assert world.table("run-states")[0]["slices_created"] == 3


def test_slices_that_were_registered_but_not_announced_are_announced_later(world):
    world.live(FastProcessingAgent, tf())
    del world.monitor.sent[1:]
    world.live(FastProcessingAgent, tf(), first=2)
    names = [each["content"]["slice_id"] for each in world.monitor.sent]
    assert sorted(names) == [0, 1, 2]


def test_data_after_the_end_of_the_run_are_cut_by_its_parameters(world):
    world.configured = {"late_seconds": 0}
    late = tf("swf.100012.000001_tf_002.tf", execution_id=None)
    world.live(FastProcessingAgent, tf(), message("end_run"), late)
    assert len(world.table("tf-slices")) == 6


def test_without_an_execution_slices_are_cut_by_default(world):
    world.monitor.tables["run-states"] = []
    world.live(FastProcessingAgent, tf(execution_id=None))
    assert len(world.table("tf-slices")) == 5


def test_a_tf_file_that_does_not_say_its_frames_is_not_cut(world, caplog):
    world.live(FastProcessingAgent, tf(tf_first=None, tf_last=None, tf_count=None))
    assert world.table("tf-slices") == []
    assert "its frames are not said" in caplog.text


def test_results_are_noted_and_counted(world):
    world.live(FastProcessingAgent, tf())
    world.live(FastProcessingAgent, result(0, "done"), result(2, "failed"), first=2)
    assert [row["status"] for row in world.table("tf-slices")] == ["completed", "queued", "failed"]
    (state,) = world.table("run-states")
    assert (state["slices_queued"], state["slices_completed"], state["slices_failed"]) == (1, 1, 1)
    assert world.table("tf-slices")[0]["assigned_worker"] == "node-1"


@pytest.mark.parametrize(("has_destinations", "told"), [(True, 2), (False, 0)])
def test_workers_are_told_of_a_run_where_they_alone_are_told(world, has_destinations, told):
    world.has_destinations = has_destinations
    world.live(FastProcessingAgent, message("run_imminent", execution_id="x-1"), message("end_run"))
    assert len(world.monitor.sent) == told
    destinations = {each.destination for each in world.transport.outgoing}
    assert destinations == ({"/topic/panda.workers"} if told else set())
