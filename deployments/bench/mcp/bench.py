"""Bench `mcp`: a submission, then tools that read, with a day's rows of a busy testbed there."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from deployments.bench.common.figures import Report, at_most, columns, percentile
from deployments.bench.common.stack import BenchBroken, bench_stack, say
from deployments.bench.mcp import rows, submit_to_id

_CALLS: Final = 20
_PAUSE_SECONDS: Final = 0.02
_MANY: Final = "100000"  # so that the limit of calls is not what is measured


@dataclass
class Assistant:
    """Calls tools over HTTP, as raw JSON-RPC: a client's own work is not the server's."""

    http: httpx.Client
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def call(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """What a tool answers.

        Raises:
            BenchBroken: An error.
        """
        call = {"name": tool, "arguments": arguments}
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
        began = time.perf_counter()
        answer = self.http.post("/mcp/", json=body)
        self.seconds.setdefault(tool, []).append(time.perf_counter() - began)
        result = answer.raise_for_status().json()["result"]
        if result.get("isError"):
            raise BenchBroken(f"{tool}: {result['content'][0]['text']}")
        found: dict[str, Any] = result["structuredContent"]
        return found


def run(*, calls: int = _CALLS) -> Report:
    """Measure; about three minutes by default."""
    report = Report("mcp")
    settings = {**submit_to_id.SETTINGS, "PRODOPS_MCP_CALLS_A_MINUTE": _MANY}
    with bench_stack(settings) as running:
        submit_to_id.measure(running, report)
        log_id = rows.fill(running.engine)
        say(f"{rows.ROWS} rows of each kind are there")
        assistant = Assistant(running.http)
        _read(assistant, reading(log_id), calls)
    taken = [each for times in assistant.seconds.values() for each in times]
    report.add("read_p50_s", percentile(taken, 50))
    report.add("read_p95_s", percentile(taken, 95), at_most(0.1))
    slowest = max(percentile(times, 95) for times in assistant.seconds.values())
    report.add("slowest_tool_p95_s", slowest)
    report.note(
        f"{calls} calls of each tool that reads, one after the other over a kept connection, with "
        f"{rows.ROWS} messages, events, STF files, TF files, slices, log records and requests."
    )
    report.note(_table(assistant.seconds))
    return report


def reading(log_id: int) -> list[tuple[str, dict[str, Any]]]:
    """The calls: of each tool that reads, without filters and by those that people use."""
    return [
        ("get_system_state", {}),
        ("list_agents", {}),
        ("list_agents", {"namespace": rows.NAMESPACE, "execution_id": rows.EXECUTION}),
        ("get_agent", {"name": rows.AGENT}),
        ("get_agent_instance_status", {"instance_name": rows.AGENT}),
        ("list_namespaces", {}),
        ("get_namespace", {"namespace": rows.NAMESPACE}),
        ("list_logs", {}),
        ("list_logs", {"level": "ERROR", "instance_name": rows.AGENT}),
        ("list_logs", {"search": "STF 4711 "}),
        ("list_logs", {"execution_id": rows.EXECUTION}),
        ("get_log_entry", {"log_id": log_id}),
        ("check_agent_manager", {}),
        ("get_testbed_status", {}),
        ("list_supervised_agents", {}),
        ("list_workflow_definitions", {}),
        ("list_workflow_executions", {}),
        ("get_workflow_execution", {"execution_id": rows.EXECUTION}),
        ("get_workflow_monitor", {"execution_id": rows.EXECUTION}),
        ("list_workflow_monitors", {}),
        ("list_messages", {}),
        ("list_messages", {"agent": rows.AGENT}),
        ("list_messages", {"execution_id": rows.EXECUTION, "start_time": "2026-01-01"}),
        ("list_runs", {}),
        ("get_run", {"run_number": rows.RUN_NUMBER}),
        ("list_stf_files", {}),
        ("list_stf_files", {"run_number": rows.RUN_NUMBER}),
        ("get_stf_file", {"stf_filename": rows.STF}),
        ("list_tf_files", {}),
        ("list_tf_files", {"stf_filename": rows.STF}),
        ("list_tf_slices", {}),
        ("list_tf_slices", {"run_number": rows.RUN_NUMBER}),
        ("get_tf_slice", {"tf_filename": rows.TF, "slice_id": 1}),
        ("list_requests", {}),
        ("list_requests", {"state": "failed"}),
        ("get_request", {"request_id": 1}),
        ("epicprod_list_actions", {}),
        ("epicprod_list_actions", {"outcome": "error", "summarize": True}),
        ("pcs_prodtask_list", {}),
    ]


def _read(assistant: Assistant, wanted: list[tuple[str, dict[str, Any]]], calls: int) -> None:
    for tool, arguments in wanted:  # once for nothing, so that plans and pools are warm
        assistant.call(tool, arguments)
    assistant.seconds.clear()
    for _ in range(calls):
        for tool, arguments in wanted:
            assistant.call(tool, arguments)
            time.sleep(_PAUSE_SECONDS)


def _table(seconds: dict[str, list[float]]) -> str:
    slowest_first = sorted(seconds.items(), key=lambda each: -percentile(each[1], 95))
    return columns(
        ("tool", "p50 ms", "p95 ms", "n"),
        [
            (
                tool,
                f"{1000 * percentile(times, 50):.1f}",
                f"{1000 * percentile(times, 95):.1f}",
                str(len(times)),
            )
            for tool, times in slowest_first
        ],
    )
