"""When an agent is ready, and what is said where it is not."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from blocks.errors import OutsideUnavailable
from deployments.stack.control import PartState
from deployments.stack.layout import Layout
from deployments.testbed.errors import AgentsNotReady
from deployments.testbed.programs import Agent, Program
from deployments.testbed.readiness import Readiness

BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)
PROGRAM = Program(argv=("/bin/true",), directory=Path("/"), environment={})
DATA = Agent(name="data", is_enabled=True, program=PROGRAM)
SAMPLER = Agent(name="fastmon", is_enabled=True, program=None)


@dataclass
class Monitor:
    """A monitor's rows of agents."""

    found: list[dict[str, Any]] = field(default_factory=list)
    is_away: bool = False

    def rows(self, _collection: str, **_filters: str) -> list[dict[str, Any]]:
        if self.is_away:
            raise OutsideUnavailable("no answer")
        return self.found


@dataclass
class Supervised:
    """A supervisor that knows one program."""

    layout: Layout
    state: PartState | None

    def states(self) -> dict[str, PartState]:
        return {} if self.state is None else {"data": self.state}


def row(**said: Any) -> dict[str, Any]:
    known = {"instance_name": "data-agent-anna-1", "hostname": socket.gethostname()}
    alive = {"pid": os.getpid(), "operational_state": "READY", "agent_type": "DATA"}
    heard = (BEGAN + timedelta(seconds=3)).isoformat()
    return {**known, **alive, "last_heartbeat": heard} | said


def running(state: str = "RUNNING", **more: Any) -> PartState:
    values = {"pid": os.getpid(), "since": BEGAN, "exit_status": 0, "reason": ""} | more
    return PartState("data", state, **values)


def readiness(tmp_path: Path, monitor: Monitor, state: PartState | None) -> Readiness:
    layout = Layout(tmp_path)
    layout.logs.mkdir()
    layout.log("data").write_text("one\nimport error\n")
    return Readiness(monitor, Supervised(layout, state))


@pytest.mark.parametrize("activity", ["READY", "PROCESSING"])
def test_an_agent_whose_process_the_monitor_knows_is_ready(tmp_path, activity):
    ready = readiness(tmp_path, Monitor([row(operational_state=activity)]), running())
    assert ready.wait([DATA], seconds=0.1) == {"data": "data-agent-anna-1"}


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"operational_state": "STARTING"}, "the monitor shows data-agent-anna-1 as STARTING"),
        ({"pid": 1}, "the monitor has not heard of it"),
        ({"hostname": "elsewhere"}, "the monitor has not heard of it"),
        ({"last_heartbeat": "2026-03-01T11:00:00+00:00"}, "the monitor has not heard of it"),
        ({"last_heartbeat": None}, "the monitor has not heard of it"),
    ],
)
def test_one_that_it_does_not_know_as_ready_is_missing_with_its_log(tmp_path, said, why):
    ready = readiness(tmp_path, Monitor([row(**said)]), running())
    with pytest.raises(AgentsNotReady) as missing:
        ready.wait([DATA], seconds=0.0)
    assert why in str(missing.value)
    assert "data | import error" in str(missing.value)


def test_one_that_was_given_up_is_not_waited_for(tmp_path):
    state = running("FATAL", pid=None, since=None, exit_status=3)
    with pytest.raises(AgentsNotReady, match=r"ended at once, .* \(last exit 3\)"):
        readiness(tmp_path, Monitor(), state).wait([DATA], seconds=600)


def test_a_monitor_that_is_away_is_the_reason(tmp_path):
    ready = readiness(tmp_path, Monitor(is_away=True), running())
    with pytest.raises(AgentsNotReady, match="data: the monitor is away: no answer"):
        ready.wait([DATA], seconds=0.0)


def test_prodops_sampler_stands_for_fastmon(tmp_path):
    sampler = row(agent_type="fastmon", hostname="w1", instance_name="prodops-fastmon")
    ready = readiness(tmp_path, Monitor([sampler]), None)
    assert ready.wait([SAMPLER], seconds=0.1) == {"fastmon": "prodops-fastmon"}
    with pytest.raises(AgentsNotReady, match="no worker of prodops runs"):
        readiness_of_none(tmp_path).wait([SAMPLER], seconds=0.0)


def readiness_of_none(tmp_path: Path) -> Readiness:
    return Readiness(Monitor(), Supervised(Layout(tmp_path), None))
