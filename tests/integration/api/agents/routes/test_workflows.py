"""Workflow definitions, executions, STFs' workflows and their stages, over REST."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.integration

TIME = "2026-08-01T12:00:00Z"
DEFINITION = {
    "workflow_name": "stf_datataking",
    "version": "1.0",
    "workflow_type": "simulation",
    "definition": "class WorkflowExecutor: ...",
    "parameter_values": {"stf_count": 5},
    "created_by": "tester",
    "created_at": "2026-08-01T14:00:00.5",
}
EXECUTION = {
    "execution_id": "stf_datataking-tester-0004",
    "namespace": "testbed",
    "status": "running",
    "executed_by": "tester",
    "start_time": "2026-08-01T12:00:00",
    "parameter_values": {"stf_count": 5},
}
WORKFLOW = {
    "filename": "swf.100012.000001.stf",
    "daq_state": "run",
    "daq_substate": "physics",
    "generated_time": TIME,
    "stf_start_time": TIME,
    "stf_end_time": TIME,
}
STAGE = {
    "agent_name": "fastmon-agent-tester-12",
    "agent_type": "fastmon",
    "status": "fastmon_received",
    "input_message": {"msg_type": "stf_ready"},
}
NAMES = {
    "workflow-definitions": "WorkflowDefinition",
    "workflow-executions": "WorkflowExecution",
    "workflows": "STFWorkflow",
    "workflow-stages": "AgentWorkflowStage",
}


@pytest.fixture
def add(api) -> Callable[..., dict[str, Any]]:
    def adder(path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = api.post(f"/api/{path}/", json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    return adder


def refused(api: httpx.Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = api.post(f"/api/{path}/", json=body)
    assert answer.status_code == 400, answer.text
    return answer.json()


@pytest.mark.parametrize("path", NAMES)
def test_writing_takes_a_token_and_what_is_not_there_is_404(served_api, path):
    with served_api.client(token=None) as client:
        assert client.get(f"/api/{path}/").json() == []
        assert client.post(f"/api/{path}/", json={}).status_code == 403
        answer = client.get(f"/api/{path}/None/")
    text = f"No {NAMES[path]} matches the given query."
    assert (answer.status_code, answer.json()) == (404, {"detail": text})


# ------------------------------------------------------------------ definitions, executions


def test_a_definition_is_found_by_name_and_version(add, api):
    said = add("workflow-definitions", DEFINITION)
    assert list(said) == [
        "id", "workflow_name", "version", "workflow_type", "definition", "parameter_values",
        "created_by", "created_at", "updated_at",
    ]  # fmt: skip
    wanted = {"workflow_name": "stf_datataking", "version": "1.0"}
    assert api.get("/api/workflow-definitions/", params=wanted).json() == [said]
    assert api.get("/api/workflow-definitions/?version=2").json() == []


def test_a_definition_has_a_version_once(add, api):
    add("workflow-definitions", DEFINITION)
    text = "The fields workflow_name, version must make a unique set."
    assert refused(api, "workflow-definitions", DEFINITION) == {"non_field_errors": [text]}


def test_an_execution_is_found_by_its_name_and_changed(add, api):
    key = add("workflow-definitions", DEFINITION)["id"]
    said = add("workflow-executions", EXECUTION | {"workflow_definition": key})
    assert list(said) == [
        "execution_id", "workflow_definition", "namespace", "parameter_values",
        "performance_metrics", "status", "start_time", "end_time", "executed_by",
    ]  # fmt: skip
    path = f"/api/workflow-executions/{EXECUTION['execution_id']}/"
    assert api.get(path).json() == said
    done = {"status": "terminated", "end_time": None}
    answer = api.patch(path, json=done)
    assert (answer.status_code, answer.json()) == (200, said | done)
    again = refused(api, "workflow-executions", said)
    text = "workflow execution with this execution id already exists."
    assert again == {"execution_id": [text]}


def test_executions_are_filtered(add, api):
    key = add("workflow-definitions", DEFINITION)["id"]
    add("workflow-executions", EXECUTION | {"workflow_definition": key})
    for query, number in {
        "status=running": 1, "status=failed": 0, "namespace=testbed": 1, "executed_by=x": 0,
        f"workflow_definition={key}": 1, "start_time=2026-08-01T12:00:00Z": 1,
        "end_time=2026-08-01T12:00:00Z": 0,
    }.items():  # fmt: skip
        assert len(api.get(f"/api/workflow-executions/?{query}").json()) == number, query


def test_an_execution_s_definition_has_to_be_there(api):
    body = EXECUTION | {"workflow_definition": 99}
    text = 'Invalid pk "99" - object does not exist.'
    assert refused(api, "workflow-executions", body) == {"workflow_definition": [text]}


def test_executions_go_with_their_definition(add, api):
    key = add("workflow-definitions", DEFINITION)["id"]
    add("workflow-executions", EXECUTION | {"workflow_definition": key})
    assert api.delete(f"/api/workflow-definitions/{key}/").status_code == 204
    assert api.get("/api/workflow-executions/").json() == []


# ------------------------------------------------------------------ workflows, stages


def test_a_workflow_is_answered_in_full(add, api):
    said = add("workflows", WORKFLOW | {"run_id": 100012})
    assert (said["current_status"], said["current_agent"]) == ("generated", "daqsim")
    assert (said["run_id"], said["stf_start_time"]) == ("100012", TIME)
    assert api.get("/api/workflows/?run_id=100012").json() == [said]
    text = "stf workflow with this filename already exists."
    assert refused(api, "workflows", WORKFLOW) == {"filename": [text]}


def test_a_workflow_s_fields_are_required_and_its_words_known(api):
    required = ["This field is required."]
    assert refused(api, "workflows", {}) == dict.fromkeys(WORKFLOW, required)
    text = '"off" is not a valid choice.'
    assert refused(api, "workflows", WORKFLOW | {"daq_state": "off"}) == {"daq_state": [text]}


def test_a_stage_s_key_is_answered_by_both_of_its_names(add, api):
    workflow = add("workflows", WORKFLOW)["workflow_id"]
    said = add("workflow-stages", STAGE | {"workflow": workflow})
    assert said["id"] == said["stage_id"]
    assert said["workflow"] == workflow
    done = {"status": "fastmon_complete", "completed_at": TIME, "output_message": {"n": [1]}}
    changed = api.patch(f"/api/workflow-stages/{said['id']}/", json=done).json()
    assert {name: changed[name] for name in done} == done
    assert len(api.get(f"/api/workflow-stages/?workflow={workflow}").json()) == 1


def test_a_workflow_has_a_stage_of_an_agent_once(add, api):
    body = STAGE | {"workflow": add("workflows", WORKFLOW)["workflow_id"]}
    add("workflow-stages", body)
    text = "The fields workflow, agent_name, agent_type must make a unique set."
    assert refused(api, "workflow-stages", body) == {"non_field_errors": [text]}


def test_a_stage_without_a_workflow_of_ours_is_refused(api):
    key = str(uuid.UUID(int=1))
    sent = {"agent_name": "a", "agent_type": "processing", "status": "started"}
    assert refused(api, "workflow-stages", sent) == {
        "workflow": ["This field is required."],
        "status": ['"started" is not a valid choice.'],
    }
    for value, text in {
        key: f'Invalid pk "{key}" - object does not exist.',
        "x": "“x” is not a valid UUID.",
        None: "This field may not be null.",
    }.items():
        assert refused(api, "workflow-stages", STAGE | {"workflow": value}) == {"workflow": [text]}


def test_stages_go_with_their_workflow(add, api):
    key = add("workflows", WORKFLOW)["workflow_id"]
    add("workflow-stages", STAGE | {"workflow": key})
    assert api.delete(f"/api/workflows/{key}/").status_code == 204
    assert api.get("/api/workflow-stages/").json() == []
