"""The data agent: what it registers and announces, once, whatever comes twice or is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deployments.agents.data import DataAgent
from tests.support.agents import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def message(msg_type: str, **more: Any) -> dict[str, Any]:
    return {"msg_type": msg_type, "namespace": "torre1", "run_id": "100012", **more}


def stf_gen(number: int = 1, **more: Any) -> dict[str, Any]:
    named = {"filename": f"swf.100012.{number:06d}.stf", "sequence": number}
    states = {"state": "run", "substate": "physics", "execution_id": "x-1"}
    return message("stf_gen", **named, **states, **more)


def test_a_run_its_stfs_and_its_end_are_registered_and_announced(world):
    conditions = {"beam": "18x275"}
    begin = message("run_imminent", run_conditions=conditions)
    world.live(DataAgent, begin, stf_gen(1), stf_gen(2), message("end_run"))
    (run,) = world.table("runs")
    assert (run["run_number"], run["run_conditions"]) == (100012, conditions)
    assert run["end_time"]
    assert [stf["stf_filename"] for stf in world.table("stf-files")] == [
        "swf.100012.000001.stf", "swf.100012.000002.stf"
    ]  # fmt: skip
    assert world.kinds() == ["stf_ready", "stf_ready"]


def test_stf_ready_has_the_keys_of_the_original_first_and_what_it_lacks(world):
    world.live(DataAgent, stf_gen(1))
    (ready,) = world.monitor.sent
    assert list(ready)[:14] == [
        "msg_type", "namespace", "filename", "run_id", "file_url", "checksum", "size_bytes",
        "start", "end", "state", "substate", "sequence", "simulation_tick", "processed_by",
    ]  # fmt: skip
    assert (ready["size_bytes"], ready["tf_count"]) == (2 * 1024**3, 1000)
    assert (ready["execution_id"], ready["run_id"]) == ("x-1", "100012")
    (stf,) = world.table("stf-files")
    assert stf["checksum"] == ready["checksum"]


def test_what_the_message_says_comes_before_what_is_configured(world):
    world.configured = {"stf_size_bytes": 5, "tf_count_per_stf": 6}
    world.live(DataAgent, stf_gen(1, size=0, total_tfs=3, checksum="ad:1"), stf_gen(2))
    first, second = world.monitor.sent
    assert (first["size_bytes"], first["tf_count"], first["checksum"]) == (0, 3, "ad:1")
    assert (second["size_bytes"], second["tf_count"]) == (5, 6)


def test_a_run_that_was_never_announced_is_registered_with_its_first_stf(world):
    world.live(DataAgent, stf_gen(1))
    assert [run["run_number"] for run in world.table("runs")] == [100012]


def test_what_comes_again_in_the_next_life_changes_nothing(world):
    bodies = [message("run_imminent"), stf_gen(1), stf_gen(1), message("end_run")]
    world.live(DataAgent, *bodies)
    before = {name: [dict(row) for row in rows] for name, rows in world.monitor.tables.items()}
    (world.directory / "memory.json").unlink()
    world.live(DataAgent, *bodies)
    assert world.monitor.tables == before
    assert world.kinds() == ["stf_ready"]


def test_an_answer_that_was_lost_is_not_followed_by_a_second_message(world):
    world.monitor.lost = 1
    world.live(DataAgent, stf_gen(1), stf_gen(2))
    assert [each["sequence"] for each in world.monitor.sent] == [1, 2]


def test_a_message_that_was_not_taken_is_sent_again(world):
    world.monitor.outages = {"send": 3, "rows": 1}
    world.live(DataAgent, stf_gen(1))
    assert [each["sequence"] for each in world.monitor.sent] == [1]


@pytest.mark.parametrize(
    "body",
    [
        message("stf_gen"),
        stf_gen(1, run_id="x"),
        stf_gen(1, size=-1),
        message("end_run", run_id=None),
    ],
)
def test_a_message_that_says_too_little_is_left(world, body):
    world.live(DataAgent, body, stf_gen(2))
    assert world.runtime.failures == 1
    assert [each["sequence"] for each in world.monitor.sent] == [2]


def test_an_end_that_is_noted_stays(world):
    world.live(DataAgent, message("run_imminent"))
    world.table("runs")[0]["end_time"] = "2026-01-02T00:00:00+00:00"
    world.live(DataAgent, message("end_run"), first=2)
    assert world.table("runs")[0]["end_time"] == "2026-01-02T00:00:00+00:00"
