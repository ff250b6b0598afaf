"""Every tool of the contract: its name, its parameters, and the keys of its answer.

Source: fastmon contract section 7.4, and the first issue's words for supervised agents.
"""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.integration.api.mcp.conftest import EXECUTION, STF, TF

pytestmark = pytest.mark.integration

REQUIRED = object()
LIST = {"items", "total_count", "has_more", "monitor_urls"}
PAGING = {"limit", "offset"}


def optional(*names: str) -> dict[str, Any]:
    return dict.fromkeys(names)


RANGE = optional("start_time", "end_time")
AGENT = {
    "name", "agent_type", "status", "operational_state", "namespace", "last_heartbeat",
    "workflow_enabled", "total_stf_processed",
}  # fmt: skip
EXECUTION_KEYS = {
    "execution_id", "workflow_name", "namespace", "status", "executed_by", "start_time",
    "end_time", "parameter_values",
}  # fmt: skip
STF_KEYS = {
    "file_id", "stf_filename", "run_number", "status", "machine_state", "file_size_bytes",
    "created_at",
}  # fmt: skip
SLICE = {
    "slice_id", "tf_filename", "stf_filename", "run_number", "tf_first", "tf_last", "tf_count",
    "status", "assigned_worker", "completed_at",
}  # fmt: skip
LOG = {
    "id", "timestamp", "app_name", "instance_name", "level", "message", "module", "funcname",
    "lineno", "extra_data",
}  # fmt: skip
RUN = {"run_number", "start_time", "end_time", "duration_seconds"}
COMMAND = {"success", "message", "username", "control_queue", "note"}

READS: dict[str, tuple[dict[str, Any], dict[str, Any], set[str]]] = {
    # name: parameters, arguments that find the seeded rows, keys of the answer or of each item
    "get_system_state": (optional("username"), {}, {
        "timestamp", "user_context", "agent_manager", "workflow_runner", "ready_to_run",
        "last_execution", "errors_last_hour", "agents", "executions", "messages_last_10min",
        "run_states", "persistent_state", "recent_events",
    }),
    "list_agents": (
        optional("namespace", "agent_type", "status", "execution_id") | RANGE,
        {"namespace": "torre1", "agent_type": "data", "execution_id": EXECUTION}, AGENT,
    ),
    "get_agent": ({"name": REQUIRED}, {"name": "data-agent-olga-1"}, (
        AGENT - {"operational_state"} | {
            "description", "current_stf_count", "last_stf_processed", "metadata", "monitor_urls",
        }
    )),
    "list_namespaces": ({}, {}, {"name", "owner", "description"}),
    "get_namespace": ({"namespace": REQUIRED} | RANGE, {"namespace": "torre1"}, {
        "name", "owner", "description", "agent_count", "execution_count", "message_count",
        "active_users", "time_range", "monitor_urls",
    }),
    "list_logs": (
        optional("app_name", "instance_name", "execution_id", "level", "search") | RANGE,
        {"level": "error", "search": "100 %_", "execution_id": EXECUTION}, LOG,
    ),
    "get_log_entry": ({"log_id": REQUIRED}, {"log_id": 1}, (
        LOG | {"process", "thread", "monitor_urls"}
    )),
    "check_agent_manager": (optional("username"), {}, {
        "alive", "username", "instance_name", "namespace", "last_heartbeat", "operational_state",
        "status", "description", "control_queue", "agents_running", "supervisord_healthy",
        "how_to_start", "monitor_urls",
    }),
    "get_testbed_status": (optional("username"), {}, {
        "username", "agent_manager", "agents", "summary", "running_workflows", "ready", "note",
        "monitor_urls",
    }),
    "list_workflow_definitions": (
        optional("workflow_type", "created_by"), {"created_by": "olga"},
        {"workflow_name", "version", "workflow_type", "created_by", "created_at",
         "execution_count"},
    ),
    "list_workflow_executions": (
        optional("namespace", "status", "executed_by", "workflow_name") | RANGE
        | {"currently_running": False},
        {"status": "Running", "workflow_name": "stf_datataking"}, EXECUTION_KEYS,
    ),
    "get_workflow_execution": ({"execution_id": REQUIRED}, {"execution_id": EXECUTION}, (
        EXECUTION_KEYS | {"performance_metrics", "monitor_urls"}
    )),
    "list_messages": (
        optional("namespace", "execution_id", "agent", "message_type") | RANGE,
        {"agent": "data-agent-olga-1", "message_type": "error", "execution_id": EXECUTION},
        {"message_type", "sender_agent", "namespace", "sent_at", "execution_id", "run_id",
         "payload_summary"},
    ),
    "list_runs": (RANGE, {}, RUN | {"stf_file_count"}),
    "get_run": ({"run_number": REQUIRED}, {"run_number": 100123}, (
        RUN | {"run_conditions", "file_stats", "total_stf_files", "monitor_urls"}
    )),
    "list_stf_files": (
        optional("run_number", "status", "machine_state") | RANGE,
        {"run_number": 100123, "status": "Registered", "machine_state": "PHYSICS"},
        STF_KEYS | {"tf_file_count"},
    ),
    "get_stf_file": (optional("file_id", "stf_filename"), {"stf_filename": STF}, STF_KEYS | {
        "checksum", "metadata", "workflow_id", "daq_state", "daq_substate", "workflow_status",
        "monitor_urls",
    }),
    "list_tf_slices": (
        optional("id", "fastmon_file_id", "run_number", "stf_filename", "tf_filename", "status",
                 "assigned_worker") | RANGE,
        {"run_number": 100123, "tf_filename": TF, "status": "queued"},
        SLICE | {"id", "fastmon_file_id", "created_at"},
    ),
    "get_tf_slice": (
        {"tf_filename": REQUIRED, "slice_id": REQUIRED}, {"tf_filename": TF, "slice_id": 1},
        SLICE | {"retries", "assigned_at", "metadata"},
    ),
    "get_workflow_monitor": ({"execution_id": REQUIRED}, {"execution_id": EXECUTION}, {
        "execution_id", "status", "phase", "run_id", "stf_count", "events", "errors",
        "start_time", "end_time", "duration_seconds", "monitor_urls",
    }),
    "list_workflow_monitors": ({}, {}, {
        "execution_id", "status", "start_time", "end_time", "stf_count",
    }),
    "list_available_tools": ({}, {}, {"name", "description", "parameters"}),
    "get_server_instructions": ({}, {}, {"instructions"}),
    "get_ai_memory": ({"username": REQUIRED, "turns": 20, "namespace": None}, {
        "username": "tester",
    }, {"items", "count", "username", "turns_requested", "namespace"}),
    # The first issue's, and those that the original lacks.
    "list_supervised_agents": (optional("username"), {}, {"program_name", "state"}),
    "get_agent_instance_status": (
        {"instance_name": REQUIRED}, {"instance_name": "data-agent-olga-1"},
        AGENT | {"pid", "hostname", "is_alive"},
    ),
    "list_tf_files": (
        optional("run_number", "stf_filename", "tf_filename", "status") | RANGE,
        {"stf_filename": STF},
        {"tf_file_id", "tf_filename", "stf_filename", "run_number", "status", "tf_first",
         "tf_last", "file_size_bytes", "created_at"},
    ),
}  # fmt: skip

WRITES: dict[str, dict[str, Any]] = {
    "kill_agent": {"name": REQUIRED},
    "start_user_testbed": optional("username", "config_name"),
    "stop_user_testbed": optional("username"),
    "start_workflow": optional(
        "workflow_name", "namespace", "config", "realtime", "stf_count", "physics_period_count",
        "physics_period_duration", "stf_interval",
    ) | {"duration": 0},
    "stop_workflow": {"execution_id": REQUIRED},
    "end_execution": {"execution_id": REQUIRED},
    "send_message": {
        "message": REQUIRED, "message_type": "announcement", **optional("metadata"),
    },
    "record_ai_memory": dict.fromkeys(("username", "session_id", "role", "content"), REQUIRED)
    | optional("namespace", "project_path"),
    "start_supervised_agent": {"program_name": REQUIRED, **optional("username")},
    "stop_supervised_agent": {"program_name": REQUIRED, **optional("username")},
    "restart_supervised_agent": {"program_name": REQUIRED, **optional("username")},
}  # fmt: skip

DESTRUCTIVE = {
    "kill_agent", "stop_user_testbed", "stop_workflow", "end_execution", "stop_supervised_agent",
    "restart_supervised_agent",
}  # fmt: skip


def parameters_of(tool: Any) -> dict[str, Any]:
    required = set(tool.input_schema.get("required", ()))
    return {
        name: REQUIRED if name in required else about.get("default")
        for name, about in tool.input_schema["properties"].items()
    }


def test_every_tool_has_its_names_and_parameters(assistant):
    tools = assistant.tools()
    wanted = {name: parameters for name, (parameters, _, _) in READS.items()} | WRITES
    for name, parameters in wanted.items():
        for alias in (name, f"swf_{name}"):
            found = parameters_of(tools[alias])
            extra = found.keys() - parameters.keys()
            assert {each: found[each] for each in parameters} == parameters, alias
            assert extra <= PAGING or extra == {"wait_seconds"}, alias


def test_reading_tools_say_so_and_destructive_ones_too(assistant):
    tools = assistant.tools()
    assert all(tools[name].annotations.read_only_hint for name in READS)
    assert not any(tools[name].annotations.read_only_hint for name in WRITES)
    assert {name for name in WRITES if tools[name].annotations.destructive_hint} == DESTRUCTIVE


def test_every_tool_says_when_to_use_it_and_an_alias_only_whose_it_is(assistant):
    for name, tool in assistant.tools().items():
        if name.startswith("swf_"):
            assert tool.description == f"Same as {name.removeprefix('swf_')}."
        elif not tool.description.startswith("Same as "):
            assert len(tool.description) > 40, name


def test_every_reading_tool_answers_the_contracts_keys(assistant, testbed):
    for name, (_, arguments, keys) in READS.items():
        answer = assistant.ask(f"swf_{name}", **arguments)
        if name.startswith("list_"):
            assert answer.keys() == LIST, name
            assert answer["items"], name
            assert answer["total_count"] >= len(answer["items"])
            assert keys <= answer["items"][0].keys(), name
        else:
            assert keys <= answer.keys(), name


def test_every_link_of_an_answer_leads_to_a_page(assistant, testbed):
    answers = [assistant.ask(name, **arguments) for name, (_, arguments, _) in READS.items()]
    urls = {each["url"] for answer in answers for each in answer.get("monitor_urls", [])}
    assert len(urls) > 5
    for url in urls:
        assert httpx.get(url).status_code == 200, url
