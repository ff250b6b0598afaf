"""Waiting until agents are ready: until the monitor shows each one's process as READY.

Source: the testbed's plan ("heartbeat + operational_state=READY").
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import psutil

from blocks.errors import OutsideUnavailable
from blocks.monitor_api.agents import AgentApi
from deployments.stack.control import PartState
from deployments.stack.logs import last_lines
from deployments.testbed.errors import AgentsNotReady
from deployments.testbed.programs import IN_PRODOPS, Agent
from deployments.testbed.supervision import Supervision

_POLL_SECONDS: Final = 0.25
_LOG_LINES: Final = 5
_CLOCKS: Final = timedelta(seconds=5)
"""How far the monitor's clock may be from this host's."""
AT_WORK: Final = frozenset({"READY", "PROCESSING"})
"""The activities of an agent that takes messages."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Seen:
    """What is known of one agent: its name at the monitor, or why it is not ready.

    Attributes:
        instance: The name; None: it is not ready.
        reason: Why it is not.
        is_hopeless: Whether it will not become ready by itself.
    """

    instance: str | None = None
    reason: str = ""
    is_hopeless: bool = False


@dataclass
class Readiness:
    """Looks at agents, at the supervisor and at the monitor."""

    api: AgentApi
    supervision: Supervision

    def wait(
        self,
        agents: Sequence[Agent],
        *,
        seconds: float,
        became_ready: Callable[[str, str], None] = lambda _name, _instance: None,
    ) -> dict[str, str]:
        """Wait until all are ready.

        Args:
            agents: Which.
            seconds: How long.
            became_ready: Is called with the name of each, and its name at the monitor.

        Returns:
            Their names at the monitor.

        Raises:
            AgentsNotReady: Some are not, in time or for good; says which, and why.
            TokenRefused: The token is not for reading.
        """
        deadline = time.monotonic() + seconds
        ready: dict[str, str] = {}
        while True:
            seen = self.look(agents)
            for name, each in seen.items():
                if each.instance is not None and name not in ready:
                    ready[name] = each.instance
                    became_ready(name, each.instance)
            missing = {name: each for name, each in seen.items() if each.instance is None}
            if not missing:
                return ready
            is_hopeless = any(each.is_hopeless for each in missing.values())
            if is_hopeless or time.monotonic() > deadline:
                raise AgentsNotReady(list(self._reasons(missing)))
            time.sleep(_POLL_SECONDS)

    def look(self, agents: Sequence[Agent]) -> dict[str, Seen]:
        """What is known of each now."""
        try:
            ours = self.api.rows("systemagents", hostname=socket.gethostname())
            sampler = self._sampler() if any(each.program is None for each in agents) else []
        except OutsideUnavailable as error:
            return {each.name: Seen(reason=f"the monitor is away: {error}") for each in agents}
        states = self.supervision.states()
        return {
            each.name: _of_prodops(sampler)
            if each.program is None
            else _of_process(states.get(each.name), ours)
            for each in agents
        }

    def _sampler(self) -> list[dict[str, Any]]:
        return self.api.rows("systemagents", agent_type=IN_PRODOPS)

    def _reasons(self, missing: Mapping[str, Seen]) -> Iterator[str]:
        for name, each in missing.items():
            yield f"{name}: {each.reason}"
            for line in last_lines(self.supervision.layout.log(name), _LOG_LINES):
                yield f"  {name} | {line}"


def instance_of(pid: int, since: datetime | None, rows: Sequence[Row]) -> Row | None:
    """The monitor's row of a program: of its process, or of one that it has started."""
    pids = {pid, *_below(pid)}
    for row in rows:
        is_here = row.get("hostname") == socket.gethostname() and row.get("pid") in pids
        if is_here and _is_of_this_life(row, since):
            return row
    return None


def _of_prodops(rows: Sequence[Row]) -> Seen:
    for row in rows:
        if row.get("agent_type") == IN_PRODOPS and row.get("operational_state") in AT_WORK:
            return Seen(str(row["instance_name"]))
    return Seen(reason="prodops' sampler is not there: no worker of prodops runs")


def _of_process(state: PartState | None, rows: Sequence[Row]) -> Seen:
    if state is None:
        return Seen(reason="the agents' supervisor does not run, or does not know it")
    if state.state == "FATAL":
        return Seen(reason=_why_given_up(state), is_hopeless=True)
    if state.pid is None:
        return Seen(reason=f"it has no process ({state.state}, last exit {state.exit_status})")
    row = instance_of(state.pid, state.since, rows)
    if row is None:
        return Seen(reason=f"its process {state.pid} runs; the monitor has not heard of it")
    if row.get("operational_state") not in AT_WORK:
        shown = f"{row['instance_name']} as {row.get('operational_state')}"
        return Seen(reason=f"its process {state.pid} runs; the monitor shows {shown}")
    return Seen(str(row["instance_name"]))


def _why_given_up(state: PartState) -> str:
    tried = "it ended at once, each time that it was started"
    return f"{tried} (last exit {state.exit_status})" + (
        f": {state.reason}" if state.reason else ""
    )


def _below(pid: int) -> set[int]:
    try:
        return {each.pid for each in psutil.Process(pid).children(recursive=True)}
    except psutil.NoSuchProcess:
        return set()


def _is_of_this_life(row: Row, since: datetime | None) -> bool:
    """Whether it was heard since the process began: a number comes again."""
    heard = row.get("last_heartbeat")
    if since is None or not isinstance(heard, str):
        return False
    # A time without a zone is this host's.
    return datetime.fromisoformat(heard).astimezone() >= since - _CLOCKS
