"""Every tool, called by the SDK's own client: its whole answer, held against the recorded one.

`python -m tests.integration.api.mcp.test_golden` records the present answers anew, in `golden/`:
look at the difference before it is committed.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2  # the SDK's
import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

from api.http.tools.declaration import all_tools
from flows.common.callers import Scope
from flows.common.database import now, transaction
from flows.common.settings import settings
from flows.workflows.models import WorkflowRun
from tests.integration.api.mcp.conftest import EXECUTION, STF, TF
from tests.pcs_client import COMPOSED
from tests.produced import DATASET, NAME
from tests.support.golden import normalised
from tests.support.payload_logs.ready import JOB, Logs

pytestmark = pytest.mark.integration

GOLDEN = Path(__file__).with_name("golden")
RECORDING = "RECORD_GOLDEN_ANSWERS"
AT_HAND = "stf_datataking-tester-0002"
ASSESSED = {"subject_type": "ctask", "subject_key": "t1", "assessment": "it is well"}
SAID = {"username": "tester", "session_id": "s1", "role": "user", "content": "why?"}

CALLS: dict[str, dict[str, Any]] = {
    # The testbed.
    "get_system_state": {},
    "list_agents": {"namespace": "torre1"},
    "get_agent": {"name": "data-agent-olga-1"},
    "get_agent_instance_status": {"instance_name": "data-agent-olga-1"},
    "list_namespaces": {},
    "get_namespace": {"namespace": "torre1"},
    "list_logs": {"level": "error", "search": "100 %_"},
    "get_log_entry": {"log_id": 1},
    "check_agent_manager": {},
    "get_testbed_status": {},
    "list_supervised_agents": {},
    "list_workflow_definitions": {},
    "list_workflow_executions": {},
    "get_workflow_execution": {"execution_id": EXECUTION},
    "get_workflow_monitor": {"execution_id": EXECUTION},
    "list_workflow_monitors": {},
    "list_messages": {"namespace": "torre1"},
    "list_runs": {},
    "get_run": {"run_number": 100123},
    "list_stf_files": {},
    "get_stf_file": {"stf_filename": STF},
    "list_tf_files": {},
    "list_tf_slices": {},
    "get_tf_slice": {"tf_filename": TF, "slice_id": 1},
    # Production.
    "pcs_list_tags": {"tag_type": "p"},
    "pcs_get_tag": {"tag_label": "p3001"},
    "pcs_search_tags": {"query": "pythia"},
    "pcs_dataset_list": {"limit": 2},
    "pcs_dataset_get": {"name": COMPOSED},
    "pcs_prodtask_list": {"limit": 2},
    "pcs_prodtask_get": {"name": "t2"},
    "pcs_prodtask_artifact": {"name": "t1"},
    "data_provenance": {"did_or_path": f"epic:{DATASET}"},
    "campaign_status": {"campaign": NAME},
    "explain_failure": {"task": "t1"},
    "read_payload_log": {"pandaid": JOB},
    # The server.
    "get_server_instructions": {},
    "list_available_tools": {"limit": 1},
    # What writes: none hinders the next, and all is looked at behind it.
    "start_workflow": {"namespace": "torre3", "stf_count": 3},
    "stop_workflow": {"execution_id": AT_HAND},
    "end_execution": {"execution_id": EXECUTION},
    "send_message": {"message": "Beam at 10"},
    "record_ai_memory": SAID,
    "get_ai_memory": {"username": "tester"},
    "start_user_testbed": {"wait_seconds": 0},
    "get_testbed_command": {"command_id": 1},
    "stop_user_testbed": {"wait_seconds": 0},
    "start_supervised_agent": {"program_name": "processing", "wait_seconds": 0},
    "stop_supervised_agent": {"program_name": "data", "wait_seconds": 0},
    "restart_supervised_agent": {"program_name": "fastmon", "wait_seconds": 0},
    "kill_agent": {"name": "data-agent-tester-1", "wait_seconds": 0},
    "pcs_dataset_intake": {"source_location": "EVGEN/a.csv"},
    "pcs_prodtask_intake": {
        "public_catalog_issue": 7, "name": "taken", "dataset": f"{COMPOSED}.other",
        "prod_config": "bnl",
    },
    "pcs_prodtask_link_input": {"task_name": "taken", "did": "epic:/EVGEN/DIS/NC/10x100"},
    "pcs_prodtask_set_status": {"task_name": "taken", "status": "draft"},
    "epicprod_register_ai_assessment": ASSESSED,
    "pcs_prodtask_submit": {"name": "t1"},
    "pcs_prodtask_pause": {"name": "t2"},
    "pcs_prodtask_resume": {"name": "t3"},
    "pcs_prodtask_add_attempts": {"name": "t4"},
    "pcs_prodtask_retry_failures": {"name": "t5", "confirm": True},
    "pcs_prodtask_rerun": {"name": "t6", "confirm": True},
    "fetch_payload_log": {"pandaid": 8},
    "start_provenance_sweep": {"campaign": NAME},
    "list_requests": {"action": "submit_task"},
    "get_request": {"request_id": 1},
    "cancel_request": {"request_id": 1, "confirm": True},
    "epicprod_list_actions": {"action": "submit_task"},
    "watch": {"kind": "task", "subject": "t1", "watch_for": "failed"},
    "list_my_watches": {},
    "unwatch": {"watch_id": 1},
    "list_notifications": {},
}  # fmt: skip
"""What each tool is asked, in this order."""


@pytest.fixture
def token_scopes() -> frozenset[Scope]:
    return frozenset({Scope.READ, Scope.MESSAGE, Scope.REQUEST, Scope.OPERATE})


@pytest.fixture
def tmp_dir(database, tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("SWF_TMP_DIR", str(tmp_path))
    settings.cache_clear()
    return tmp_path


@pytest.fixture
def world(tmp_dir, testbed, production, api, database) -> None:
    """The testbed and the production, and what only the tools that write need."""
    Logs(database, tmp_dir).put({"payload.stdout": b"payload finished with exit code: 65\n"})
    for number in range(2, 7):
        production.make_ready(f"t{number}")
        production.record(f"t{number}", jedi_task_id=4710 + number)
    api.put("/api/me/address/", json={"email": "tester@example.org"}).raise_for_status()
    agent = {"instance_name": "data-agent-tester-1", "agent_type": "data", "status": "OK"}
    api.post("/api/systemagents/heartbeat/", json=agent | {"pid": 4712}).raise_for_status()
    asked = api.post("/api/actions/run_workflow/", json={"namespace": "torre2"}).json()
    here = {"execution_id": AT_HAND, "namespace": "torre2", "start_time": now().isoformat()}
    execution = testbed["execution"] | here
    api.post("/api/workflow-executions/", json=execution).raise_for_status()
    run = {"execution_id": AT_HAND, "namespace": "torre2", "run_number": 100124, "sender": "daq"}
    with transaction(database.ops_engine) as session:
        session.add(WorkflowRun(request_id=asked["request_id"], **run))


def test_every_tool_answers_as_recorded(world, served_api, subtests):
    answers = asyncio.run(asked_by_the_sdk(served_api.url, served_api.authorization))
    for name, answer in answers.items():
        found = normalised({"arguments": CALLS[name], "answer": answer}, served_api.url)
        with subtests.test(tool=name):
            assert found == recorded(name, found)


def test_every_tool_is_called_and_nothing_else_is_recorded():
    names = {each.name for each in all_tools()}
    assert CALLS.keys() == names
    assert {each.stem for each in GOLDEN.glob("*.json")} == names


async def asked_by_the_sdk(url: str, headers: dict[str, str]) -> dict[str, Any]:
    """What each tool answers."""
    async with (
        httpx2.AsyncClient(headers=headers) as http,
        streamable_http_client(f"{url}/mcp/", http_client=http) as streams,
        ClientSession(*streams[:2]) as client,
    ):
        await client.initialize()
        results = {name: await client.call_tool(name, given) for name, given in CALLS.items()}
    assert [name for name, result in results.items() if result.is_error] == []
    return {name: result.structured_content for name, result in results.items()}


def recorded(name: str, found: dict[str, Any]) -> dict[str, Any]:
    """The recorded call of a tool; while that is asked for, what was found is recorded."""
    place = GOLDEN / f"{name}.json"
    if RECORDING in os.environ:
        place.write_text(json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    return json.loads(place.read_text())


if __name__ == "__main__":
    command = [sys.executable, "-m", "pytest", __file__, "-n0", "-q"]
    sys.exit(subprocess.run(command, env=os.environ | {RECORDING: "1"}, check=False).returncode)
