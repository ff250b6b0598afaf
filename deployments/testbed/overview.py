"""How a user's testbed stands: what the supervisor says, and what the monitor, where it answers."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blocks.errors import ProdOpsError
from blocks.monitor_api.actions import ActionApi
from deployments.stack.control import PartState
from deployments.testbed.lifecycle import UserTestbed
from deployments.testbed.programs import CONTROLLER
from deployments.testbed.readiness import AT_WORK, instance_of


@dataclass(frozen=True, kw_only=True)
class Overview:
    """What is known.

    Attributes:
        config: The configuration in use; None: nothing was ever started.
        is_up: Whether the supervisor runs.
        rows: A row for each agent, and for the controller.
        workflows: The requests of workflows that are open, whoever asked for them.
        problems: What cannot be reached or read, in lines.
    """

    config: Path | None
    is_up: bool
    rows: Sequence[Mapping[str, Any]]
    workflows: Sequence[Mapping[str, Any]]
    problems: Sequence[str]

    @property
    def are_all_ready(self) -> bool:
        """Whether every agent that is to run does, and the monitor knows it."""
        wanted = [row for row in self.rows if row["is_enabled"]]
        return all(row["state"] in AT_WORK for row in wanted)

    def as_json(self) -> dict[str, Any]:
        """All of it, for programs."""
        return {
            "config": None if self.config is None else str(self.config),
            "is_up": self.is_up,
            "agents": list(self.rows),
            "workflows": list(self.workflows),
            "problems": list(self.problems),
        }


@dataclass
class _Monitor:
    """What the monitor says; nothing where it cannot be asked."""

    agents: list[dict[str, Any]] = field(default_factory=list)
    workflows: list[dict[str, Any]] = field(default_factory=list)
    problem: str = ""


def overview(testbed: UserTestbed, url: str, token: str | None) -> Overview:
    """Look at everything that can be reached."""
    states = testbed.supervision.states()
    asked = _ask(url, token)
    enabled, problem = _enabled(testbed)
    return Overview(
        config=testbed.supervision.config_in_use,
        is_up=testbed.supervision.is_up,
        rows=[
            _row(name, states.get(name), asked.agents, is_enabled=name in enabled)
            for name in [*dict.fromkeys([*enabled, *states])]
        ],
        workflows=asked.workflows,
        problems=[each for each in (asked.problem, problem) if each],
    )


def _enabled(testbed: UserTestbed) -> tuple[list[str], str]:
    """The agents that are to run by the configuration in use; or why nobody knows."""
    path = testbed.supervision.config_in_use
    if path is None:
        return [], ""
    try:
        plan = testbed.plan(path)
    except ProdOpsError as error:
        return [], str(error)
    return [each.name for each in plan.enabled if each.program is not None], ""


def _ask(url: str, token: str | None) -> _Monitor:
    try:
        with ActionApi(url, token, timeout_seconds=10.0) as api:
            agents = api.get_all("/api/systemagents/", hostname=socket.gethostname())
            asked = {"action": "run_workflow", "open": "true"}
            found = api.get("/api/requests/", **asked).get("results", [])
    except ProdOpsError as error:
        return _Monitor(problem=f"the monitor cannot be asked: {error}")
    names = ("id", "subject", "state", "requested_by")
    return _Monitor(agents, [{name: each.get(name) for name in names} for each in found])


def _row(
    name: str, state: PartState | None, agents: Sequence[Mapping[str, Any]], *, is_enabled: bool
) -> dict[str, Any]:
    pid, since = (None, None) if state is None else (state.pid, state.since)
    found = None if pid is None else instance_of(pid, since, agents)
    return {
        "agent": name,
        "is_enabled": is_enabled and name != CONTROLLER,
        "program": "not started" if state is None else state.state,
        "pid": pid,
        "since": since,
        "instance": None if found is None else found["instance_name"],
        "state": None if found is None else found["operational_state"],
        "heard": None if found is None else found["last_heartbeat"],
    }
