"""The life of an agent: its start, what it lets through, what it says, and its end."""

from __future__ import annotations

import json
import logging
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from blocks.errors import Invalid
from blocks.monitor_api.errors import MonitorUnavailable, TokenRefused
from deployments.agents.runtime import BAD_CONFIGURATION, FAILED, OK, Handlers, Runtime
from deployments.agents.transport import Received
from tests.support.agents import World
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.usefixtures("told")


@pytest.fixture
def told(caplog) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "prodops.agent")
    return caplog


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@dataclass
class Listener:
    """An agent that notes what it is given."""

    runtime: Runtime
    heard: list[str] = field(default_factory=list)
    agent_type: str = "TEST"

    @property
    def handlers(self) -> Handlers:
        return {"note": self.note, "fail": self.fail, "work": self.work}

    def note(self, received: Received) -> None:
        self.heard.append(str(received.body.get("text")))

    def fail(self, received: Received) -> None:
        raise received.body["error"]

    def work(self, received: Received) -> None:
        self.runtime.in_background(
            "work", lambda: self.heard.append("worked"), key=received.body.get("key")
        )


def heard(world: World, *bodies, **more) -> list[str]:
    agents: list[Listener] = []

    def make(runtime: Runtime) -> Listener:
        agents.append(Listener(runtime))
        return agents[0]

    assert world.live(make, *bodies, **more) == OK
    return agents[0].heard


def note(text: str, **more) -> dict[str, object]:
    return {"msg_type": "note", "text": text, **more}


# ------------------------------------------------------------------ start and end


def test_it_registers_in_the_order_of_the_contract_and_ends_with_exited(world):
    heard(world)
    calls = [each.split()[0] for each in world.monitor.asked if each != "log"]
    assert calls[:3] == ["next_agent_id", "subscribe", "heartbeat"]
    assert calls[-1] == "heartbeat"
    first, *_, last = world.monitor.heartbeats
    assert (first["operational_state"], last["operational_state"]) == ("STARTING", "EXITED")
    assert last["status"] == "EXITED"
    assert last["instance_name"].startswith("test-agent-")
    assert last["namespace"] == "torre1"


def test_its_number_and_place_are_those_of_its_former_life(world):
    heard(world, note("a"), note("b"), first=11)
    name = world.runtime.name
    heard(world, note("c"), first=13)
    assert world.runtime.name == name
    assert world.monitor.asked.count("next_agent_id") == 1
    assert world.transport.asked == [(["fail", "note", "work"], 12)]
    assert json.loads((world.directory / "memory.json").read_text())["position"] == 13


def test_where_the_stream_began_is_remembered_although_nothing_came(world):
    world.live(Listener)
    assert json.loads((world.directory / "memory.json").read_text())["position"] == 0


def test_it_waits_for_a_monitor_that_is_away_at_its_start(world, told):
    world.monitor.outages = {"all": 20}
    assert heard(world, note("a")) == ["a"]
    said = [record.getMessage() for record in told.records]
    waits = [text for text in said if "waiting for the monitor" in text]
    assert waits == [
        "waiting for the monitor to give this agent its number: no answer",
        *waits[1:],
    ]
    assert len(waits) <= 2


def test_it_gives_up_its_start_in_time(world, told):
    world.monitor.outages = {"all": 10**6}
    world.configured = {"start_seconds": 0.02}
    assert world.live(Listener) == FAILED
    assert "gave up after 0.02 s" in told.records[-1].getMessage()


def test_a_refused_token_is_a_configuration_error(world, monkeypatch):
    def refuse() -> int:
        raise TokenRefused(401, "Invalid token.")

    monkeypatch.setattr(world.monitor, "next_agent_id", refuse)
    assert world.live(Listener) == BAD_CONFIGURATION
    assert world.monitor.heartbeats == []


def test_its_log_is_at_the_monitor_before_it_says_that_it_has_ended(world):
    heard(world)
    assert [each["message"].split()[0] for each in world.monitor.logs][-1] == "agent"
    assert "has ended" in world.monitor.logs[-1]["message"]
    assert world.monitor.logs[0]["instance_name"] == world.runtime.name
    assert world.monitor.asked[-1] == "heartbeat"


# ------------------------------------------------------------------ what comes through


@pytest.mark.parametrize(
    ("own", "theirs", "is_heard"),
    [
        ("torre1", "torre1", True),
        ("torre1", "torre2", False),
        ("torre1", None, True),
        ("torre1", "", True),
        ("", "torre2", True),
        ("", None, True),
    ],
)
def test_messages_of_another_namespace_are_left(world, own, theirs, is_heard):
    world.namespace = own
    assert heard(world, note("a", namespace=theirs)) == (["a"] if is_heard else [])


def test_a_message_without_the_key_counts_as_one_of_no_namespace(world):
    assert heard(world, {"msg_type": "note", "text": "a"}) == ["a"]


def test_its_own_messages_are_left(world):
    world.live(Listener)
    own = world.runtime.name
    assert heard(world, note("a", sender=own), note("b", sender="another"), first=2) == ["b"]


def test_a_message_that_fails_is_named_and_the_next_one_comes(world, told):
    bad = {"msg_type": "fail", "error": Invalid({"run_id": ["is odd"]})}
    worse = {"msg_type": "fail", "error": ZeroDivisionError("a bug")}
    assert heard(world, bad, worse, note("a")) == ["a"]
    errors = [each for each in told.records if each.levelname == "ERROR"]
    assert [each.getMessage() for each in errors] == [
        "fail (message 1) is left: run_id: is odd",
        "fail (message 2) is left: a bug",
    ]
    assert [each.exc_info is not None for each in errors] == [False, True]
    assert world.monitor.heartbeats[-1]["metadata"]["failures"] == 2
    assert world.transport.settled_at[-1] == 3


def test_work_under_way_is_finished_at_the_end_and_what_waits_comes_again(world):
    world.configured, began, ending = {"workers": 1}, threading.Event(), threading.Event()

    @dataclass
    class Worker(Listener):
        def work(self, received: Received) -> None:
            self.runtime.in_background("work", self._wait)
            assert began.wait(PATIENCE)

        def _wait(self) -> None:
            began.set()
            assert ending.wait(PATIENCE)

    def end() -> None:
        assert began.wait(PATIENCE)
        wait_until(lambda: world.runtime._background._pool._shutdown)
        ending.set()

    threading.Thread(target=end).start()
    assert world.live(Worker, {"msg_type": "work"}, {"msg_type": "work"}) == OK
    assert world.transport.settled_at[-1] == 1
    assert heard(world, {"msg_type": "work"}, first=2) in (["worked"], [])
    assert world.transport.asked[0][1] == 1


# ------------------------------------------------------------------ stopped in the middle


def test_what_was_not_finished_at_a_stop_comes_again(world):
    started = threading.Event()

    @dataclass
    class Waiter(Listener):
        def note(self, received: Received) -> None:
            started.set()
            self.runtime.ask("do something", self._away)

        def _away(self) -> None:
            raise MonitorUnavailable("no answer")

    def stop() -> None:
        started.wait(PATIENCE)
        world.runtime.stop()

    stopping = threading.Thread(target=stop)
    stopping.start()
    assert world.live(Waiter, note("a"), first=7) == OK
    stopping.join()
    assert heard(world, note("a"), first=7) == ["a"]
    assert world.transport.asked[0][1] < 7


def test_the_states_between_are_ready_and_processing(world):
    states = []
    gate = threading.Event()

    @dataclass
    class Worker(Listener):
        def work(self, received: Received) -> None:
            states.append(self.runtime.state.value)
            self.runtime.in_background("work", lambda: gate.wait(PATIENCE))
            states.append(self.runtime.state.value)
            gate.set()

    assert world.live(Worker, {"msg_type": "work"}) == OK
    assert states == ["READY", "PROCESSING"]
