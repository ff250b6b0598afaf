"""Who calls all the time besides: original agents, and an assistant over MCP."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
from fastmcp.exceptions import FastMCPError
from mcp.shared.exceptions import MCPError

from blocks.errors import ProdOpsError
from deployments.assistant import assistant
from deployments.bench.agents.agent import TFS, Agent
from deployments.bench.agents.bench import register
from deployments.bench.common.stack import BenchStack

_RUN: Final = 940_001
_STF: Final = "swf.940001.000001.stf"
_NAME: Final = "soak-agent-"
_AGENT_PAUSE_SECONDS: Final = 0.2
_TOOL_PAUSE_SECONDS: Final = 1.0
_FRESH_SECONDS: Final = 30.0
_TOOLS: Final[Sequence[tuple[str, dict[str, Any]]]] = (
    ("get_system_state", {}),
    ("list_agents", {}),
    ("list_logs", {}),
    ("list_messages", {}),
    ("list_requests", {}),
    ("list_requests", {"state": "failed"}),
    ("get_request", {"request_id": 1}),
    ("list_runs", {}),
    ("list_stf_files", {}),
    ("list_tf_files", {}),
    ("list_workflow_executions", {}),
    ("epicprod_list_actions", {"summarize": True}),
    ("pcs_prodtask_list", {}),
)
_BROKEN: Final = (httpx.HTTPError, FastMCPError, MCPError, RuntimeError)
_STALE: Final = """
    SELECT instance_name FROM unnest(CAST(:names AS text[])) AS instance_name
    LEFT JOIN swf_systemagent AS agent USING (instance_name)
    WHERE coalesce(agent.last_heartbeat < now() - make_interval(secs => :seconds), true)
"""
_TFS: Final = "SELECT tf_filename FROM swf_fastmon_files WHERE tf_filename LIKE :pattern"


@dataclass
class Agents:
    """Agents that work through their STFs, one call after the other."""

    running: BenchStack
    agents: list[Agent]
    stale: set[str] = field(default_factory=set)

    @property
    def failures(self) -> list[str]:
        """What was no success."""
        return [failure for each in self.agents for failure in each.failures]

    @property
    def calls(self) -> int:
        """How many calls were answered."""
        return sum(len(each.seconds) for each in self.agents)

    def look(self) -> None:
        """Note whose row is not fresh."""
        names = [each.name for each in self.agents]
        self.stale.update(self.running.values(_STALE, names=names, seconds=_FRESH_SECONDS))

    def missing_tfs(self) -> int:
        """How many TF files have no row, of the STFs that they are done with."""
        rows = set(self.running.values(_TFS, pattern=f"{_NAME}%"))
        return sum(
            each.tf_name(stf, tf) not in rows
            for each in self.agents
            for stf in range(each.stfs)
            for tf in range(TFS)
        )


@contextmanager
def working_agents(running: BenchStack, number: int) -> Iterator[Agents]:
    """So many agents, working; they end afterwards."""
    place = register(running, _RUN, _STF)
    agents = [
        Agent(place, f"{_NAME}{n}", is_fresh=False, pause_seconds=_AGENT_PAUSE_SECONDS)
        for n in range(number)
    ]
    ended = threading.Event()
    threads = [threading.Thread(target=each.work, args=(ended,), daemon=True) for each in agents]
    for thread in threads:
        thread.start()
    try:
        yield Agents(running, agents)
    finally:
        ended.set()
        for thread in threads:
            thread.join()


@dataclass
class Asker:
    """An assistant that asks one tool after another, in one session."""

    running: BenchStack
    answers: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def rounds(self) -> int:
        """How often it has asked every tool."""
        return len(self.answers) // len(_TOOLS)

    def ask_on(self, ended: threading.Event) -> None:
        """Ask until it is told to end."""
        try:
            with assistant(self.running.stack.api_url, self.running.token) as client:
                for tool, arguments in itertools.cycle(_TOOLS):
                    if ended.wait(_TOOL_PAUSE_SECONDS):
                        return
                    began = time.perf_counter()
                    try:
                        client.ask(tool, **arguments)
                    except (ProdOpsError, *_BROKEN) as error:
                        self.failures.append(f"{tool}: {error}")
                    self.answers.append(time.perf_counter() - began)
        except _BROKEN as error:
            self.failures.append(f"the session broke: {error}")


@contextmanager
def asking_assistant(running: BenchStack) -> Iterator[Asker]:
    """An assistant that asks; it ends afterwards."""
    asker, ended = Asker(running), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(asker.ask_on, ended)
        try:
            yield asker
        finally:
            ended.set()
    asking.result()
