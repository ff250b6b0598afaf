"""Executions of workflows over REST, with their runs."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from flows.common.database import transaction
from tests.support.system import hear_agent
from tests.support.workflows import AT_ONCE, QUICK

pytestmark = pytest.mark.integration

EXECUTION = "stf_datataking-shifter-0001"


def get(api, path="", **query):
    answer = api.get(f"/api/workflow-runs/{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_executions_are_listed_with_their_runs_newest_first(played, going, api):
    page = get(api)
    assert page["count"] == 2
    newer, older = page["results"]
    assert (newer["execution_id"], newer["status"], newer["is_open"]) == (going, "running", True)
    assert (older["execution_id"], older["run_number"]) == (EXECUTION, played["run_number"])
    assert (older["stf_count"], older["status"], older["is_open"]) == (3, "completed", False)
    assert (older["requested_by"], older["request_id"]) == ("shifter", 1)


def test_they_are_filtered_and_paged(played, going, api):
    assert [each["namespace"] for each in get(api, namespace="torre1")["results"]] == ["torre1"]
    assert [each["status"] for each in get(api, status="running")["results"]] == ["running"]
    page = get(api, limit=1)
    assert (page["count"], len(page["results"]), page["previous"]) == (2, 1, None)
    rest = api.get(page["next"]).json()
    assert [each["execution_id"] for each in rest["results"]] == [EXECUTION]
    assert rest["next"] is None


def test_one_says_its_parameters_phases_and_messages(played, database, api):
    hear_agent(database.ops_engine, "stf_datataking-agent-shifter-1", hostname="daq01")
    found = get(api, f"{EXECUTION}/")
    sources = {each["key"]: each["source"] for each in found["parameters"]}
    assert (sources["stf_count"], sources["stf_interval"]) == ("request", "daq_state_machine.toml")
    assert sources["standby_duration"] == "overrides"
    assert {each["msg_type"]: each["count"] for each in found["message_counts"]} == {
        "run_imminent": 1, "start_run": 1, "stf_gen": 3, "end_run": 1,
    }  # fmt: skip
    assert sum(each["count"] for each in found["marks"]) == 3
    assert found["spans"][-1]["phase"] == "ended"
    [one] = found["participants"]
    assert (one["messages"]["stf_gen"], one["agent"]["hostname"]) == (3, "daq01")
    assert found["run_state"]["state"] == "ended"


def test_messages_are_listed_by_type_newest_first(played, api):
    stfs = get(api, f"{EXECUTION}/messages/", msg_type="stf_gen")
    assert [each["payload"]["sequence"] for each in stfs] == [3, 2, 1]
    older = get(api, f"{EXECUTION}/messages/", before=stfs[-1]["id"], limit=1)
    assert [each["msg_type"] for each in older] == ["start_run"]


def test_messages_of_another_run_are_not_its_own(workflows, played, api_after):
    workflows_after = get(api_after, f"{EXECUTION}/messages/")
    assert {each["payload"]["run_id"] for each in workflows_after} == {str(played["run_number"])}


@pytest.fixture
def api_after(workflows, played, request):
    """The API, after a second workflow has run."""
    workflows.run(**AT_ONCE | {"namespace": "torre3"}, stf_count=1, overrides=QUICK)
    return request.getfixturevalue("api")


def test_an_execution_of_another_runner_is_shown_as_far_as_it_is_known(database, api):
    with transaction(database.ops_engine) as session:
        for statement in FOREIGN:
            session.execute(text(statement))
        session.commit()
    [row] = get(api)["results"]
    assert (row["run_number"], row["request_id"], row["is_open"]) == (100200, None, False)
    found = get(api, "theirs/")
    assert found["parameters"] == [{"section": "", "key": "stf_count", "value": 3, "source": ""}]
    assert [each["phase"] for each in found["spans"]] == ["before"]


FOREIGN = (
    (
        "INSERT INTO swf_workflow_definitions (workflow_name, version, workflow_type, definition,"
        " created_by, created_at, updated_at) VALUES ('w', '1', 'x', '', 'x', now(), now())"
    ),
    (
        "INSERT INTO swf_workflow_executions (execution_id, workflow_definition_id,"
        " parameter_values, status, start_time, executed_by)"
        " VALUES ('theirs', 1, '{\"stf_count\": 3}', 'running', now(), 'x')"
    ),
    (
        "INSERT INTO swf_run_state (run_number, phase, state, target_worker_count,"
        " active_worker_count, stf_samples_received, slices_created, slices_queued,"
        " slices_processing, slices_completed, slices_failed, state_changed_at, updated_at, metadata)"
        " VALUES (100200, 'physics', 'run', 0, 0, 0, 0, 0, 0, 0, 0, now(), now(), '{\"execution_id\": \"theirs\"}')"
    ),
)


@pytest.mark.parametrize("path", ["none/", "none/messages/", "%00/"])
def test_an_unknown_execution_is_404_in_words(api, path):
    answer = api.get(f"/api/workflow-runs/{path}")
    assert answer.status_code == 404
    assert answer.json()["detail"].startswith("there is no execution")
