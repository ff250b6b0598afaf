"""What an agent does at a monitor, against our own: codes and texts as the client takes them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from blocks.monitor_api.agents import AgentApi, AlreadyThere
from blocks.monitor_api.errors import MonitorUnavailable, RequestRefused, TokenRefused
from tests.conftest import ServedApi
from tests.support.agents import MonitorInMemory

pytestmark = pytest.mark.integration

RUN = {"run_number": 100012, "start_time": "2026-01-02T00:00:00Z"}


@pytest.fixture
def agent(served_api: ServedApi) -> Iterator[AgentApi]:
    with AgentApi(served_api.url, served_api.token) as made:
        yield made


def registered(api: Any) -> dict[str, Any]:
    """Register a run, an STF and a TF file; gives the row of a slice of it."""
    run = api.add("runs", RUN)
    api.add("stf-files", {"run": run["run_id"], "stf_filename": "a.stf"})
    api.add("fastmon-files", {"stf_file": "a.stf", "tf_filename": "a_tf_001.tf"})
    frames = {"tf_first": 0, "tf_last": 1, "tf_count": 2, "run_number": 100012}
    return {"fastmon_file": "a_tf_001.tf", "slice_id": 0, "status": "queued", **frames}


@pytest.fixture(params=["served", "in memory"])
def api(request: pytest.FixtureRequest) -> Any:
    """Our monitor, and the fake of the agents' unit tests, which is to answer alike."""
    if request.param == "in memory":
        return MonitorInMemory()
    return request.getfixturevalue("agent")


def test_agents_get_numbers_of_their_own(api):
    assert [api.next_agent_id(), api.next_agent_id()] == [1, 2]


def test_what_is_there_already_is_said_so_of_every_kind_of_row(api):
    part = registered(api)
    api.add("tf-slices", part)
    for collection, row in (("runs", RUN), ("tf-slices", part)):
        with pytest.raises(AlreadyThere):
            api.add(collection, row)
    api.subscribe("x", "an agent")
    api.subscribe("x", "an agent")


def test_rows_are_listed_changed_and_missed(api):
    part = api.add("tf-slices", registered(api))
    assert part["id"]
    changed = api.change("tf-slices", part["id"], {"status": "completed"})
    assert (changed["status"], changed["slice_id"]) == ("completed", 0)
    (row,) = api.rows("tf-slices", run_number="100012")
    assert (row["fastmon_file"], row["status"]) == ("a_tf_001.tf", "completed")
    assert api.row("run-states", 7) is None


def test_a_message_is_in_the_list_of_messages_with_its_body(api):
    body = {"msg_type": "note", "run_id": "7", "content": {"a": [1]}, "sender": "x"}
    api.send(body)
    rows = api.rows("workflow-messages", message_type="note", run_id="7")
    (content,) = [row["message_content"] for row in rows]
    assert body.items() <= content.items()


def test_a_bad_row_is_refused_with_its_field(agent: AgentApi):
    with pytest.raises(RequestRefused, match="stf_filename") as refused:
        agent.add("stf-files", {"run": 1})
    assert not isinstance(refused.value, AlreadyThere)


def test_a_bad_token_is_refused(served_api: ServedApi):
    with AgentApi(served_api.url, "0" * 40) as stranger, pytest.raises(TokenRefused):
        stranger.next_agent_id()


def test_nobody_there_is_an_outage(free_port: int):
    with (
        AgentApi(f"http://127.0.0.1:{free_port}", "0" * 40) as agent,
        pytest.raises(MonitorUnavailable),
    ):
        agent.next_agent_id()
