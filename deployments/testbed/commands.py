"""What a controller does with agents at a command, whichever way the command came."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from blocks.errors import Refused
from blocks.monitor_api.agents import AgentApi
from deployments.stack.logs import last_lines
from deployments.testbed import finding, killing
from deployments.testbed.configuration import nearest
from deployments.testbed.environment import Monitor
from deployments.testbed.lifecycle import UserTestbed
from flows.testbed.domain import Verb

_START_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.1
_LOG_LINES: Final = 3


class NotStarted(Refused):
    """Programs of agents ended at once."""


@dataclass
class Commands:
    """Does what is asked of the user's testbed on this host.

    Attributes:
        testbed: The user's.
        monitor: What agents that are started talk to.
        api: The monitor, to ask for an agent's row.
    """

    testbed: UserTestbed
    monitor: Monitor
    api: AgentApi

    def do(self, verb: Verb, target: str | None, config: str | None = None) -> dict[str, Any]:
        """Do it; gives what it came to.

        Raises:
            ProdOpsError: It cannot be done; says why.
        """
        match verb:
            case Verb.START:
                return self.start(target, config)
            case Verb.STOP:
                return {"stopped": self.stop(target), **self.testbed.summary()}
            case Verb.RESTART:
                stopped = self.stop(target)
                return {"stopped": stopped, **self.start(target, None)}
            case Verb.STATUS:
                return self.testbed.summary() | {"config": self._config_in_use()}
            case Verb.KILL:
                return {"killed": self.kill(target or "")}

    def start(self, target: str | None, config: str | None) -> dict[str, Any]:
        """Start the agent of that name, or all that are enabled; waits until they stand.

        Raises:
            BadTestbed: The configuration cannot be used, or has no such agent.
            NotStarted: One ended at once.
        """
        plan = self.testbed.plan(self._path(config))
        agents = plan.chosen(target)
        self.testbed.start(plan, agents, self.monitor)
        names = [each.name for each in agents if each.program is not None]
        self._await_start(names)
        return {"started": names, **self.testbed.summary()}

    def stop(self, target: str | None) -> list[str]:
        """End the agent of that name, or all; gives the names of those that ran.

        Raises:
            Refused: The supervisor knows no such agent.
        """
        known = self.testbed.states()
        if target is not None and target not in known:
            raise Refused(f"there is no agent {target!r} here{nearest(target, known)}")
        return self.testbed.stop(known if target is None else [target])

    def kill(self, instance: str) -> str:
        """Kill an agent's process; gives what was done, in words.

        Raises:
            NotKilled: It is not this user's on this host, or not the agent's.
        """
        found = killing.candidate(self.api, self.testbed.supervision, instance)
        return killing.kill(self.api, found)

    def _path(self, config: str | None) -> Path:
        in_use = self.testbed.supervision.config_in_use
        if config is None:
            return in_use or finding.find(None, self.testbed.settings.testbed, in_use=None)
        beside = in_use.parent if in_use is not None else Path.cwd()
        return finding.named(config, beside)

    def _config_in_use(self) -> str | None:
        in_use = self.testbed.supervision.config_in_use
        return None if in_use is None else str(in_use)

    def _await_start(self, names: Iterable[str]) -> None:
        """Wait until programs have stood their first seconds."""
        deadline, names = time.monotonic() + _START_SECONDS, list(names)
        while time.monotonic() < deadline:
            states = self.testbed.states()
            known = {name: states[name] for name in names if name in states}
            fallen = [name for name in names if name not in known or known[name].has_fallen]
            if fallen:
                raise NotStarted("\n".join(self._last_words(name) for name in fallen))
            if all(each.is_running for each in known.values()):
                return
            time.sleep(_POLL_SECONDS)

    def _last_words(self, name: str) -> str:
        lines = last_lines(self.testbed.supervision.layout.log(name), _LOG_LINES)
        return f"{name} ended at once: " + " | ".join(lines)
