"""Tools that write go through the gates of REST; what a tool refuses is said in words."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from mcp_types import INVALID_PARAMS
from sqlalchemy import text
from sqlalchemy.orm import Session

from flows.common.callers import Scope
from flows.common.database import transaction
from flows.common.database_errors import DatabaseUnavailable, StatementTooSlow
from flows.common.models import Event, Request
from tests.cases import same
from tests.integration.api.mcp.conftest import EXECUTION, STF
from tests.pcs_client import Pcs
from tests.support.mcp import Assistant
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

ME = "daq01:4711"


def answered_by_a_controller(api, **answer) -> threading.Thread:
    """Take the next command as the user's controller, and answer it."""

    def work() -> None:
        taking = {"user": "tester", "taken_by": ME}
        path = "/api/testbed/commands/"
        command = wait_until(lambda: api.post(f"{path}take/", json=taking).json()["command"])
        api.post(f"{path}{command['id']}/answer/", json={"taken_by": ME, **answer})

    thread = threading.Thread(target=work)
    thread.start()
    return thread


# ------------------------------------------------------------------ words of filters


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("list_stf_files", {"status": "nonsense"}, "'registered', 'processing'"),
        ("list_tf_files", {"status": "nonsense"}, "'registered', 'processing'"),
        ("list_requests", {"action": "submit_tsk"}, "did you mean 'submit_task'?"),
        ("epicprod_list_actions", {"action": "nonsense"}, "there are: "),
        ("pcs_dataset_list", {"source_kind": "nonsense"}, "csv_manifest|path"),
    ],
)
def test_a_word_that_nothing_can_have_is_refused_with_those_there_are(
    assistant, tool, arguments, words
):
    assert words in assistant.refusal(tool, **arguments)


@pytest.mark.parametrize(
    ("tool", "argument", "word"),
    same(
        ("list_agents", "status", "EXITED"),
        ("list_agents", "agent_type", "fastmon"),
        ("list_tf_slices", "status", "queued"),
        ("list_workflow_executions", "status", "terminated"),
        ("list_stf_files", "machine_state", "physics"),
    ),
)
def test_a_word_that_peers_choose_is_described_by_those_that_are_known(
    assistant, tool, argument, word
):
    properties = assistant.tools()[tool].input_schema["properties"]
    assert word in properties[argument]["description"]


# ------------------------------------------------------------------ workflows


def test_a_workflow_is_asked_for_in_the_namespace_of_ones_testbed(assistant, testbed, database):
    begun = assistant.ask("swf_start_workflow", stf_count=3, duration=60)
    assert begun["namespace"] == "torre1"
    assert begun["params"] == {"stf_count": 3}
    assert begun["config"] == "fast_processing_default"
    with transaction(database.ops_engine) as session:
        row = session.get(Request, begun["request"]["request_id"])
        assert (row.action, row.requested_by, row.source) == ("run_workflow", "tester", "mcp")
        assert row.parameters["duration_seconds"] == 60
    assert httpx.get(begun["request"]["url"]).status_code == 200
    assert not assistant.ask("start_workflow", stf_count=3, duration=60)["request"]["is_new"]
    assert "runs a workflow already" in assistant.refusal("start_workflow", stf_count=4)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "No one namespace of tester is known: name one"),
        ({"namespace": "a", "config": "none"}, "there is no workflow configuration 'none'"),
        ({"namespace": "a", "stf_count": -1}, "stf_count: Input should be greater"),
        ({"namespace": "a", "name": "b"}, "name: There is no such argument. Did you mean"),
    ],
)
def test_a_workflow_that_cannot_be_started_is_refused_in_words(assistant, arguments, words):
    assert words in assistant.refusal("start_workflow", **arguments)


def test_an_execution_whose_runner_is_gone_is_ended_once(assistant, testbed):
    assert "no workflow runs as" in assistant.refusal("stop_workflow", execution_id=EXECUTION)
    ended = assistant.ask("end_execution", execution_id=EXECUTION)
    assert (ended["old_status"], ended["new_status"]) == ("running", "terminated")
    assert httpx.get(ended["monitor_urls"][0]["url"]).status_code == 200
    assert assistant.ask("get_workflow_execution", execution_id=EXECUTION)["end_time"]
    again = assistant.refusal("end_execution", execution_id=EXECUTION)
    assert again == f"{EXECUTION} does not run: its status is terminated."


def test_ending_what_another_executes_takes_the_scope_operate(served_api, testbed, database):
    other = Assistant(served_api.url, database.create_token("eve"))
    refused = other.refusal("end_execution", execution_id=EXECUTION)
    assert "Ending what tester executes takes the scope operate" in refused


def test_a_monitor_tells_phase_events_and_errors(assistant, testbed):
    found = assistant.ask("get_workflow_monitor", execution_id=EXECUTION)
    assert (found["phase"], found["status"]) == ("imminent", "running")
    assert [each["type"] for each in found["events"]] == ["run_imminent"]
    errors = {(each["source"], each["error"]) for each in found["errors"]}
    assert errors == {("message", "the disk is full"), ("log", "cannot write 100 %_done")}


# ------------------------------------------------------------------ testbeds


def test_a_kill_succeeds_only_if_the_process_was_killed(assistant, testbed, api, database):
    with transaction(database.ops_engine) as session:
        session.execute(
            text("UPDATE swf_systemagent SET instance_name = 'data-agent-tester-1'"
                 " WHERE agent_type = 'data'")
        )  # fmt: skip
    controller = answered_by_a_controller(api, error="it has no process any more")
    found = assistant.ask("swf_kill_agent", name="data-agent-tester-1")
    controller.join()
    assert (found["success"], found["killed"], found["new_state"]) == (False, False, "STARTING")
    assert found["kill_error"] == "it has no process any more"
    assert (found["pid"], found["hostname"]) == (4711, "daq01")
    controller = answered_by_a_controller(api, result={"killed": "process 4711 was killed"})
    found = assistant.ask("kill_agent", name="data-agent-tester-1")
    controller.join()
    assert (found["success"], found["killed"], found["new_state"]) == (True, True, "EXITED")


def test_an_agent_is_started_by_its_users_controller(assistant, testbed, api):
    controller = answered_by_a_controller(api, result={"started": ["data"]})
    found = assistant.ask("start_supervised_agent", program_name="data")
    controller.join()
    assert found["success"]
    assert found["command"]["result"] == {"started": ["data"]}
    shown = assistant.ask("get_testbed_command", command_id=found["command"]["id"])
    assert shown["state"] == "done"


@pytest.mark.usefixtures("testbed")
def test_a_command_without_its_controller_or_its_scope_is_refused_in_words(
    assistant, served_api, database
):
    assert "no controller of olga runs" in assistant_with(
        served_api, database, Scope.OPERATE
    ).refusal("stop_user_testbed", username="olga")
    assert "takes the scope operate" in assistant.refusal("stop_user_testbed", username="olga")
    assert "There is no agent 'x'" in assistant.refusal("kill_agent", name="x")


def assistant_with(served_api, database, *scopes: Scope) -> Assistant:
    return Assistant(served_api.url, database.create_token("boss", *scopes))


# ------------------------------------------------------------------ messages


def test_a_message_is_stored_and_relayed_in_the_callers_name(assistant, testbed, database):
    sent = assistant.ask("swf_send_message", message="Beam at 10", metadata={"shift": 1})
    assert httpx.get(sent["monitor_urls"][0]["url"]).status_code == 200
    assert (sent["sender"], sent["namespace"]) == ("tester-personal-agent", "torre1")
    with transaction(database.ops_engine) as session:
        event = session.get(Event, sent["message_id"])
        assert event.msg_type == "announcement"
        assert event.payload["message"] == "Beam at 10"
        assert event.payload["metadata"] == {"shift": 1}
    assert assistant.ask("send_message", message="x", message_type="test")["namespace"] is None


# ------------------------------------------------------------------ any tool


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    same(
        ("get_agent", {"name": "x"}, "There is no agent 'x'; list_agents"),
        ("get_run", {"run_number": 1}, "There is no run 1; list_runs"),
        ("get_run", {"run_number": 2**40}, "run_number: Input should be less than"),
        ("get_stf_file", {}, "Give a file_id or an stf_filename"),
        ("get_stf_file", {"file_id": "x"}, "file_id: Input should be a valid UUID"),
        ("get_tf_slice", {"tf_filename": "x", "slice_id": 1}, "There is no slice 1 of x"),
        ("get_log_entry", {"log_id": 1}, "There is no log record 1"),
        ("get_workflow_monitor", {"execution_id": "x"}, "there is no execution 'x'"),
        ("list_logs", {"level": "LOUD"}, "level: Input should be 'DEBUG', 'INFO'"),
        ("list_agents", {"start_time": "0001-01-01"}, "start_time: Ensure the year"),
    ),
)
def test_what_is_not_there_or_cannot_be_meant_is_said(assistant, tool, arguments, words):
    assert words in assistant.refusal(tool, **arguments)


def test_a_time_without_a_zone_is_in_utc_and_the_answer_says_so(assistant, testbed):
    naive = testbed["stf"]["created_at"].removesuffix("Z")
    found = assistant.ask("list_stf_files", start_time=naive, end_time=f"{naive}Z")
    assert found["times"] == "UTC: start_time came without a zone"
    assert [each["stf_filename"] for each in found["items"]] == [STF]


def test_lists_are_paged(assistant, api):
    for number in range(5):
        api.post("/api/namespaces/ensure/", json={"name": f"n{number}", "owner": "o"})
    first = assistant.ask("list_namespaces", limit=2)
    assert ([each["name"] for each in first["items"]], first["has_more"]) == (["n0", "n1"], True)
    last = assistant.ask("list_namespaces", limit=2, offset=4)
    assert ([each["name"] for each in last["items"]], last["has_more"]) == (["n4"], False)


def test_an_answer_of_megabytes_is_cut_and_says_how_to_ask_for_less(assistant, api):
    log = {
        "app_name": "a", "instance_name": "i", "level": 20, "levelname": "INFO", "module": "m",
        "funcname": "f", "lineno": 1, "process": 1, "thread": 1, "message": "x" * 10_000,
        "timestamp": "2026-08-01T12:00:00Z",
    }  # fmt: skip
    for _ in range(30):
        assert api.post("/api/logs/", json=log).is_success
    found = assistant.ask("list_logs", start_time="2026-08-01T00:00:00Z")
    assert (found["total_count"], found["has_more"]) == (30, True)
    assert "entries are left out" in found["left_out"][1]
    assert "Ask for less, by app_name" in found["left_out"][-1]


def test_a_bot_that_loops_is_told_when_to_call_again(monkeypatch, request):
    monkeypatch.setenv("PRODOPS_MCP_CALLS_A_MINUTE", "3")
    assistant = request.getfixturevalue("assistant")
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: assistant.result("list_runs"), range(4)))
    refused = [each.structured_content for each in results if each.is_error]
    assert len(refused) == 1
    assert (refused[0]["calls_a_minute"], refused[0]["retry_after_seconds"]) == (3, 20)
    assert "call again in 20 s" in refused[0]["error"]


def test_what_breaks_inside_is_not_shown(assistant, monkeypatch):
    def broken(*_args, **_more):
        raise ValueError("a secret")

    monkeypatch.setattr("api.fastmon.queries.runs.page", broken)
    result = assistant.result("list_runs")
    assert result.is_error
    assert result.structured_content["error"] == result.content[0].text
    assert "list_runs failed by a fault of the monitor" in result.content[0].text
    assert "a secret" not in result.content[0].text


def test_a_database_that_is_away_is_said_with_when_to_come_again(assistant, monkeypatch):
    def away(*_args, **_more):
        raise DatabaseUnavailable("the database is unavailable")

    monkeypatch.setattr("api.fastmon.queries.runs.page", away)
    assert assistant.refusal("list_runs") == (
        "the database is unavailable. Nothing was done; call it again in 2 s."
    )


def test_a_writing_tool_whose_commit_was_cut_off_says_to_look_first(assistant, monkeypatch):
    def cut_off(session: Session, *_args: object, **_more: object) -> None:
        session.commit()
        raise DatabaseUnavailable("the database is unavailable")

    monkeypatch.setattr("api.messages.tools.intake.commit", cut_off)
    assert assistant.refusal("send_message", message="x") == (
        "the database is unavailable. "
        "It may have been done all the same: look before you call it again."
    )


def test_a_statement_that_takes_too_long_is_not_called_for_again(assistant, monkeypatch):
    def slow(*_args: object, **_more: object) -> None:
        raise StatementTooSlow("it took the database too long")

    monkeypatch.setattr("api.fastmon.queries.runs.page", slow)
    assert assistant.refusal("list_runs") == (
        "it took the database too long. The same again would take as long. "
        "Ask for less, by start_time, end_time or with limit and offset."
    )


def test_a_tool_that_there_is_not_is_told_with_the_one_that_was_meant(assistant):
    assert assistant.refusal("list_run") == (
        "There is no tool 'list_run'. Did you mean list_runs? list_available_tools names them all."
    )


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("tools/list", {}),
        ("prompts/list", {}),
        ("prompts/get", {"name": "what_is_missing", "arguments": {"campaign": "x"}}),
        ("tools/call", {"name": "nope", "arguments": {}}),
    ],
)
def test_whatever_a_bot_loops_with_is_counted(monkeypatch, request, method, params):
    monkeypatch.setenv("PRODOPS_MCP_CALLS_A_MINUTE", "3")
    api = request.getfixturevalue("api")
    call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    answers = [api.post("/mcp/", json=call).text for _ in range(5)]
    assert ["More than 3 calls in a minute" in each for each in answers] == [False] * 3 + [True] * 2


@pytest.mark.parametrize(
    ("prompt", "arguments", "words"),
    [
        ("write_shift_summary", {"hours": "abc"}, "hours: Input should be a valid integer"),
        ("write_shift_summary", {"hours": "999"}, "hours: Input should be less than or equal"),
        ("what_is_missing", {}, "campaign: This argument is required"),
        ("what_is_missing", {"campaign": "x", "day": "1"}, "day: There is no such argument."),
        ("what_is_missing", {"campaign": "x" * 300}, "campaign: String should have at most"),
    ],
)
def test_a_prompts_argument_is_checked_as_a_tools_and_logs_nothing(
    api, caplog, prompt, arguments, words
):
    params = {"name": prompt, "arguments": arguments}
    call = {"jsonrpc": "2.0", "id": 1, "method": "prompts/get", "params": params}
    error = api.post("/mcp/", json=call).json()["error"]
    assert error["code"] == INVALID_PARAMS
    assert error["message"].startswith(f"{prompt}: ")
    assert words in error["message"]
    assert "pydantic" not in error["message"]
    assert [each for each in caplog.records if each.name.startswith("fastmcp")] == []


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("pcs_prodtask_get", {"name": "x"}, "No task 'x'. pcs_prodtask_list finds"),
        ("pcs_prodtask_submit", {"name": "x"}, "No task 'x'. pcs_prodtask_list finds"),
        ("explain_failure", {"task": "x"}, "No task 'x'. pcs_prodtask_list finds"),
        ("explain_failure", {"request_id": 99}, "no request 99. list_requests has"),
        ("pcs_dataset_get", {"name": "x"}, "No dataset x. pcs_dataset_list finds"),
        ("get_request", {"request_id": 99}, "no request 99. list_requests has"),
        ("cancel_request", {"request_id": 99, "confirm": True}, "no request 99. list_requests has"),
        ("get_workflow_execution", {"execution_id": "x"}, "'x'. list_workflow_executions has"),
        ("get_workflow_monitor", {"execution_id": "x"}, "'x'. list_workflow_executions has"),
        ("stop_workflow", {"execution_id": "x"}, "'x'. list_workflow_executions has"),
        ("end_execution", {"execution_id": "x"}, "'x'. list_workflow_executions has"),
        ("campaign_status", {}, "No current Campaign defined in PCS. Name the campaign"),
        ("get_testbed_command", {"command_id": 9}, "no command 9 to a testbed. What a tool"),
        (
            "epicprod_register_ai_assessment",
            {"subject_type": "ctask", "subject_key": "x", "assessment": "y"},
            "No local subject found for campaign_task:x. pcs_prodtask_list, pcs",
        ),
        ("unwatch", {"watch_id": 9}, "you have no watch 9. list_my_watches has yours."),
    ],
)
def test_what_there_is_not_is_told_with_the_tool_that_finds_it(assistant, tool, arguments, words):
    assert words in assistant.refusal(tool, **arguments)


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("pcs_prodtask_submit", {}, "submitted to PanDA. pcs_prodtask_get shows its status; pcs_"),
        ("pcs_prodtask_rerun", {"confirm": True}, "to rerun. pcs_prodtask_submit submits it."),
        ("pcs_prodtask_pause", {}, "has no jediTaskID. pcs_prodtask_submit submits it."),
    ],
)
def test_what_a_task_is_not_ready_for_is_told_with_the_way_there(
    assistant, api, tool, arguments, words
):
    Pcs(api).make_task("t1", sample="")
    assert words in assistant.refusal(tool, name="t1", **arguments)


def test_a_status_that_there_is_not_is_told_with_the_one_that_is_not_set(assistant, api):
    Pcs(api).make_task("t1", sample="")
    refusal = assistant.refusal("pcs_prodtask_set_status", task_name="t1", status="zz")
    assert refusal.startswith("Invalid status. Choose from: ")
    assert refusal.endswith(". pcs_prodtask_submit alone makes a task submitted.")
