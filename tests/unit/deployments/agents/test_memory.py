"""What an agent remembers from one life to the next."""

from __future__ import annotations

import pytest

from deployments.agents.memory import Memory
from flows.common.settings import BadSetting

HERE = "http://here"


def test_what_was_noted_is_there_in_the_next_life(tmp_path):
    path = tmp_path / "deep" / "data.json"
    with Memory.open(path, HERE) as memory:
        assert memory.content.position is None
        memory.remember(agent_id=7)
        memory.remember(position=12)
    with Memory.open(path, HERE) as memory:
        assert (memory.content.agent_id, memory.content.position) == (7, 12)


def test_another_monitor_s_numbers_are_not_taken_for_this_one_s(tmp_path):
    with Memory.open(tmp_path / "x.json", HERE) as memory:
        memory.remember(agent_id=7, position=12)
    with Memory.open(tmp_path / "x.json", "http://there") as memory:
        assert (memory.content.agent_id, memory.content.position) == (None, None)


def test_two_agents_do_not_share_a_memory(tmp_path):
    with (
        Memory.open(tmp_path / "x.json", HERE),
        pytest.raises(BadSetting, match="another agent works with"),
    ):
        Memory.open(tmp_path / "x.json", HERE)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"monitor": 3}', '{"position": "x"}'])
def test_a_memory_that_cannot_be_read_is_none(tmp_path, text):
    (tmp_path / "x.json").write_text(text)
    with Memory.open(tmp_path / "x.json", HERE) as memory:
        assert memory.content.agent_id is None


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadSetting, match="give another --memory"):
        Memory.open(tmp_path / "file" / "x.json", HERE)
