"""What the original agents call from start to end, as they call it: no redirect, JSON always.

Sources: fastmon contract sections 3 and 5; `requests` is what they use.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
import requests

pytestmark = pytest.mark.integration

TOPIC = "/topic/epictopic"


class BaseAgent:
    """The calls of the originals' base class; whatever makes it fail or wait, fails here."""

    def __init__(self, url: str, token: str, agent_type: str, pid: int) -> None:
        self._url, self._type, self._pid = url, agent_type, pid
        self._api, self._logs = requests.Session(), requests.Session()
        self._api.headers["Authorization"] = f"Token {token}"
        self.state = "STARTING"
        number = self.call("POST", "/state/next-agent-id/")
        assert number["status"] == "success"
        self.name = f"{agent_type.lower()}-agent-tester-{number['agent_id']}"

    def close(self) -> None:
        self._api.close()
        self._logs.close()

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """One call; 400 of a known subscriber counts as success, all else but 2xx is an error."""
        answer = self._api.request(
            method, f"{self._url}/api{path}", json=body, timeout=10, allow_redirects=False
        )
        assert not 300 <= answer.status_code < 400, f"{path}: {answer.status_code}"
        text = answer.text.lower()
        if answer.status_code == 400 and "already exists" in text and "subscriber" in text:
            return {"status": "already_exists"}
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def log(self, message: str) -> None:
        record = {
            "app_name": "base_agent", "instance_name": self.name,
            "timestamp": datetime.now().isoformat(),  # noqa: DTZ005 - as they do
            "level": 20, "levelname": "INFO", "message": message, "module": "base_agent",
            "funcname": "run", "lineno": 350, "process": self._pid,
            "thread": threading.get_ident(), "extra_data": {"username": "tester"},
        }  # fmt: skip
        answer = self._logs.post(f"{self._url}/api/logs/", json=record, timeout=10)
        answer.raise_for_status()
        assert answer.json()["id"]

    def subscribe(self) -> dict[str, Any]:
        said: dict[str, Any] = self.call(
            "POST",
            "/subscribers/",
            {
                "subscriber_name": f"{self.name}-{TOPIC}",
                "description": f"{self._type} agent subscribing to {TOPIC}",
                "is_active": True,
                "fraction": 1.0,
            },
        )
        return said

    def heartbeat(self, status: str = "OK", **more: Any) -> dict[str, Any]:
        mq = "connected" if status == "OK" else "disconnected"
        said: dict[str, Any] = self.call(
            "POST",
            "/systemagents/heartbeat/",
            {
                "instance_name": self.name,
                "agent_type": self._type,
                "status": status,
                "description": f"{self._type} agent. MQ: {mq}",
                "mq_connected": status == "OK",
                "pid": self._pid,
                "hostname": "daq01",
                "operational_state": self.state,
                "namespace": "testbed",
                **more,
            },
        )
        return said

    def start(self) -> None:
        """Contract section 5.3."""
        self.log("Connecting to ActiveMQ")
        assert self.subscribe()["subscriber_id"]
        self.state = "READY"
        self.heartbeat()

    def end(self) -> dict[str, Any]:
        """Contract section 5.8: the disconnect sends a last warning."""
        self.state = "EXITED"
        self.heartbeat("EXITED")
        return self.heartbeat("WARNING")


@pytest.fixture
def agents(served_api) -> Iterator[Any]:
    made: list[BaseAgent] = []

    def make(agent_type: str) -> BaseAgent:
        made.append(BaseAgent(served_api.url, served_api.token, agent_type, 4700 + len(made)))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_an_agent_starts_lives_and_ends(agents):
    agent = agents("fastmon")
    agent.start()
    assert agent.subscribe() == {"status": "already_exists"}
    assert agent.heartbeat(workflow_enabled=True, current_stf_count=1)["current_stf_count"] == 1
    assert agent.end()["status"] == "EXITED"
    (shown,) = agent.call("GET", "/systemagents/")
    assert (shown["status"], shown["operational_state"]) == ("EXITED", "EXITED")
    assert agents("fastmon").name == "fastmon-agent-tester-2"


def test_a_run_from_its_definition_to_its_end(agents):
    """The workflow runner, the data agent and the fast-monitoring agent, and what they leave."""
    runner, data, fastmon = agents("DAQ_Simulator"), agents("DATA"), agents("fastmon")
    for each in (runner, data, fastmon):
        each.start()
    run_id, execution = begin_run(runner)
    run = data.call(
        "POST",
        "/runs/",
        {"run_number": int(run_id), "start_time": "2026-08-01T12:00:00", "run_conditions": {}},
    )
    stf = register_stf(data, run["run_id"], f"swf.{run_id}.000001.stf")
    register_tfs(fastmon, stf["stf_filename"])
    for kind in ("run_imminent", "start_run", "end_run"):
        sent = {"msg_type": kind, "run_id": run_id, "execution_id": execution, "state": "run"}
        runner.call("POST", "/messages/", {"sender": runner.name, "namespace": "testbed", **sent})
    end = {"status": "completed", "end_time": "2026-08-01T12:05:00"}
    assert runner.call("PATCH", f"/workflow-executions/{execution}/", end)["status"] == "completed"
    data.call("PATCH", f"/runs/{run['run_id']}/", {"end_time": "2026-08-01T12:05:00"})

    assert len(fastmon.call("GET", f"/fastmon-files/?stf_filename={stf['stf_filename']}")) == 7
    state = runner.call("GET", f"/run-states/{run_id}/")
    assert (state["phase"], state["state"], state["target_worker_count"]) == (
        "completed", "ended", 2,
    )  # fmt: skip
    listed = runner.call("GET", f"/workflow-messages/?execution_id={execution}")
    assert [each["message_type"] for each in listed] == ["run_imminent", "start_run", "end_run"]


def begin_run(runner: BaseAgent) -> tuple[str, str]:
    """What the workflow runner does before a run: its number, its execution, its state."""
    runner.call("POST", "/namespaces/ensure/", {"name": "testbed", "owner": "tester"})
    sequence = runner.call(
        "POST", "/state/next-workflow-execution-id/", {"workflow_name": "stf_datataking"}
    )["sequence"]
    wanted = "/workflow-definitions/?workflow_name=stf_datataking&version=1.0"
    assert runner.call("GET", wanted) == []
    definition = runner.call(
        "POST",
        "/workflow-definitions/",
        {
            "workflow_name": "stf_datataking", "version": "1.0", "workflow_type": "simulation",
            "definition": "class WorkflowExecutor:\n    pass\n", "parameter_values": {},
            "created_by": "tester", "created_at": "2026-08-01T12:00:00",
        },
    )  # fmt: skip
    execution = f"stf_datataking-tester-{sequence:04d}"
    runner.call(
        "POST",
        "/workflow-executions/",
        {
            "execution_id": execution, "workflow_definition": definition["id"],
            "namespace": "testbed", "status": "running", "executed_by": "tester",
            "start_time": "2026-08-01T12:00:00", "parameter_values": {"stf_count": 1},
        },
    )  # fmt: skip
    number = runner.call("POST", "/state/next-run-number/")
    assert number == {"run_number": 100010, "status": "success"}
    run_id = str(number["run_number"])
    counters = ("active_worker_count", "stf_samples_received", "slices_created", "slices_queued",
                "slices_processing", "slices_completed", "slices_failed")  # fmt: skip
    runner.call(
        "POST",
        "/run-states/",
        {
            "run_number": run_id, "phase": "initializing", "state": "imminent",
            "substate": "preparing", "target_worker_count": 2,
            "state_changed_at": "2026-08-01T12:00:00", **dict.fromkeys(counters, 0),
            "metadata": {"execution_id": execution, "stf_sampling_rate": None},
        },
    )  # fmt: skip
    return run_id, execution


def register_stf(data: BaseAgent, run: int, name: str) -> dict[str, Any]:
    """What the data agent does for an STF: register it, then say twice how it stands."""
    stf: dict[str, Any] = data.call(
        "POST",
        "/stf-files/",
        {
            "run": run, "stf_filename": name, "file_size_bytes": None, "checksum": None,
            "machine_state": "physics", "status": "registered",
            "metadata": {"created_by": data.name, "sequence": 1},
        },
    )  # fmt: skip
    for status in ("processing", "processed"):
        sent = {"status": status, "metadata": {"processed_by": data.name}}
        changed = data.call("PATCH", f"/stf-files/{stf['file_id']}/", sent)
    assert changed["metadata"] == {
        "created_by": data.name, "sequence": 1, "processed_by": data.name,
    }  # fmt: skip
    return stf


def register_tfs(fastmon: BaseAgent, stf: str) -> None:
    """What the fast-monitoring agent does for an STF: 46 calls (contract section 9, number 5)."""
    fastmon.heartbeat()
    for _ in range(3):
        fastmon.log("stf_ready")
    for number in range(1, 8):
        tf = fastmon.call(
            "POST",
            "/fastmon-files/",
            {
                "stf_file": stf, "tf_filename": f"{stf.removesuffix('.stf')}_tf_{number:03d}.tf",
                "file_size_bytes": 100, "status": "registered", "metadata": {"simulation": True},
                "tf_first": number, "tf_last": number, "tf_count": 1,
            },
        )  # fmt: skip
        assert tf["tf_file_id"]
        for _ in range(4):
            fastmon.log("tf_file_registered")
        fastmon.heartbeat()


def test_the_fast_processing_agent_s_slices_and_counters(agents):
    """It still sends slices in the old shape (contract section 3.8)."""
    runner, data, agent = agents("DAQ_Simulator"), agents("DATA"), agents("Fast_Processing")
    run_id, execution = begin_run(runner)
    start = {"run_number": int(run_id), "start_time": "2026-08-01T12:00:00"}
    run = data.call("POST", "/runs/", start)
    stf = f"swf.{run_id}.000001.stf"
    register_stf(data, run["run_id"], stf)
    register_tfs(agent, stf)
    assert agent.call("GET", f"/workflow-executions/{execution}/")["parameter_values"]
    for number in range(3):
        made = agent.call(
            "POST",
            "/tf-slices/",
            {
                "tf_filename": f"swf.{run_id}.000001_tf_001_slice_{number:03d}.tf",
                "stf_filename": stf, "slice_id": number, "tf_first": number, "tf_last": number,
                "tf_count": 1, "run_number": run_id, "status": "queued", "retries": 0,
                "metadata": {"execution_id": execution, "created_by": agent.name},
            },
        )  # fmt: skip
        state = agent.call("GET", f"/run-states/{run_id}/")
        counted = {"slices_created": state["slices_created"] + 1, "slices_queued": number + 1}
        agent.call("PATCH", f"/run-states/{run_id}/", counted)
        agent.call(
            "POST",
            "/system-state-events/",
            {
                "timestamp": "2026-08-01T12:00:00", "run_number": run_id,
                "event_type": "slices_created", "state": "run", "substate": "physics",
                "event_data": {"slice": number},
            },
        )  # fmt: skip
    agent.call("PATCH", f"/tf-slices/{made['id']}/", {"status": "completed"})
    done = agent.call("GET", f"/tf-slices/?run_number={run_id}&status=completed")
    assert [each["slice_id"] for each in done] == [2]
    assert agent.call("GET", f"/run-states/{run_id}/")["slices_created"] == 3
