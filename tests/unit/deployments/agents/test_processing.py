"""The processing agent: the status of an STF's row, and its message, once."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployments.agents.processing import ProcessingAgent
from tests.support.agents import World

NAME = "swf.100012.000001.stf"
READY = {
    "msg_type": "stf_ready", "namespace": "torre1", "run_id": "100012", "filename": NAME,
    "checksum": "ad:00000001", "size_bytes": 17, "file_url": None, "execution_id": "x-1",
}  # fmt: skip


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    row = {"file_id": "f-1", "stf_filename": NAME, "status": "registered"}
    made.monitor.tables["stf-files"] = [row]
    return made


def test_an_stf_is_noted_as_processed_and_announced_with_the_keys_of_the_wire(world):
    world.live(ProcessingAgent, READY)
    assert world.table("stf-files")[0]["status"] == "processed"
    (message,) = world.monitor.sent
    assert list(message)[:11] == [
        "msg_type", "namespace", "filename", "run_id", "input_file_url", "input_checksum",
        "input_size_bytes", "output_files", "processing_time_ms", "simulation_tick", "processed_by",
    ]  # fmt: skip
    assert (message["input_checksum"], message["input_size_bytes"]) == ("ad:00000001", 17)
    assert world.transport.outgoing[0].destination == "/queue/monitoring_agent"


def test_the_older_name_of_the_message_is_as_good(world):
    world.live(ProcessingAgent, {**READY, "msg_type": "data_ready"})
    assert world.kinds() == ["processing_complete"]


def test_what_comes_again_changes_nothing(world):
    world.live(ProcessingAgent, READY, READY)
    world.live(ProcessingAgent, READY, first=3)
    assert world.kinds() == ["processing_complete"]
    assert world.monitor.asked.count("change stf-files") == 1


def test_an_stf_that_nobody_registered_is_announced_all_the_same(world, caplog):
    world.live(ProcessingAgent, {**READY, "filename": "other.stf"})
    assert world.kinds() == ["processing_complete"]
    assert "other.stf is registered nowhere" in caplog.text
