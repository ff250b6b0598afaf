"""A user's agents started, stopped and looked at: what the command and the controller share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from filelock import FileLock, Timeout

from deployments.os_user import user_name
from deployments.stack.control import PartState
from deployments.stack.parts import Part
from deployments.testbed import configuration, programs
from deployments.testbed.configuration import TestbedConfiguration, nearest
from deployments.testbed.environment import Monitor, agent_environment, passed_on
from deployments.testbed.errors import BadTestbed
from deployments.testbed.programs import CONTROLLER, Agent, Program
from deployments.testbed.supervision import Supervision
from flows.common.settings import Settings

_AGENT_PRIORITY: Final = 20
_CONTROLLER_PRIORITY: Final = 10


def testbed_user(settings: Settings) -> str:
    """Whose testbed it is, as the monitor knows the user."""
    return settings.testbed.user or user_name()


@dataclass(frozen=True)
class Plan:
    """A configuration, and the agents that it asks for."""

    configuration: TestbedConfiguration
    agents: Sequence[Agent]

    @property
    def enabled(self) -> list[Agent]:
        """The agents that run."""
        return [each for each in self.agents if each.is_enabled]

    def chosen(self, name: str | None) -> list[Agent]:
        """The agent of that name, enabled or not; those that are enabled where none is named.

        Raises:
            BadTestbed: There is none of that name.
        """
        if name is None:
            return self.enabled
        found = [each for each in self.agents if each.name == name]
        if not found:
            known = [each.name for each in self.agents]
            path = self.configuration.path
            raise BadTestbed(f"{path}: there is no agent {name!r}{nearest(name, known)}")
        if found[0].problem:
            raise BadTestbed(found[0].problem)
        return found


def plan(path: Path, state_dir: Path) -> Plan:
    """Read a configuration, and see that each agent's program is there.

    Raises:
        BadTestbed: It is not.
    """
    read = configuration.load(path)
    return Plan(read, programs.agents_of(read, state_dir))


@dataclass
class UserTestbed:
    """The agents of a user on this host.

    Attributes:
        settings: The settings of this process.
        is_controller: Whether this is the controller's own process, which is not to end itself.
        given: What agents get of the settings and the environment of this process.
    """

    settings: Settings
    is_controller: bool = False
    given: Mapping[str, str] = field(default_factory=passed_on)

    def __post_init__(self) -> None:
        own = self.settings.testbed
        self.supervision = Supervision(own.directory, own.stop_seconds)

    def plan(self, path: Path) -> Plan:
        """See `plan`."""
        return plan(path, self.supervision.state_dir)

    def start(self, wanted: Plan, agents: Sequence[Agent], monitor: Monitor) -> list[str]:
        """Start agents, and the controller; agents of another configuration end.

        Returns:
            The names of the programs that ran, and were ended because they changed.

        Raises:
            SupervisorFailed: The supervisor does not start.
            TestbedBusy: Another command changes the testbed.
        """
        supervision = self.supervision
        parts = self._parts(wanted, monitor)
        untouched = [CONTROLLER] if self.is_controller else []
        with supervision.changing():
            path = wanted.configuration.path
            ended = supervision.bring_up(parts, path, untouched=untouched)
            if not self.is_controlled:
                supervision.start([CONTROLLER])
            supervision.start([each.name for each in agents if each.program is not None])
        return ended

    def stop(self, names: Iterable[str]) -> list[str]:
        """End programs that run; gives their names. None does where no supervisor runs."""
        wanted = set(names)
        with self.supervision.changing():
            states = self.supervision.states().items()
            running = [name for name, each in states if name in wanted and not each.is_ended]
            self.supervision.stop(running)
        return running

    def shut_down(self) -> bool:
        """End all agents, the controller and the supervisor; gives whether one ran."""
        with self.supervision.changing():
            if not self.supervision.is_up:
                return False
            self.supervision.shut_down()
        return True

    def states(self) -> dict[str, PartState]:
        """The state of each agent's program, by name, without the controller's."""
        states = self.supervision.states()
        return {name: state for name, state in states.items() if name != CONTROLLER}

    @property
    def is_controlled(self) -> bool:
        """Whether a controller works, under the supervisor or by itself."""
        if self.is_controller:
            return True
        try:
            with self.controller_lock():
                return False
        except Timeout:
            return True

    def controller_lock(self) -> FileLock:
        """What the user's controller on this host holds, to be the only one."""
        return FileLock(self.supervision.state_dir / "controller.lock", timeout=0)

    def summary(self) -> dict[str, Any]:
        """How the testbed stands, as the controller says it.

        Source: fast-monitoring contract sections 1.8 and 7.3.
        """
        states = self.states()
        return {
            "agents_running": any(each.is_running for each in states.values()),
            "supervisord_healthy": self.supervision.is_up,
            "programs": {name: each.state for name, each in sorted(states.items())},
        }

    def _parts(self, wanted: Plan, monitor: Monitor) -> list[Part]:
        """The programs that the supervisor knows: all agents', and the controller."""
        path = wanted.configuration.path
        common = agent_environment(self.settings, monitor, path, self.given)
        parts = [
            self._part(each.name, each.program, common, _AGENT_PRIORITY)
            for each in wanted.agents
            if each.program is not None
        ]
        own = agent_environment(self.settings, monitor, None, self.given)
        controller = programs.controller(self.supervision.state_dir)
        return [*parts, self._part(CONTROLLER, controller, own, _CONTROLLER_PRIORITY)]

    def _part(self, name: str, program: Program, common: dict[str, str], priority: int) -> Part:
        return Part(
            name=name,
            argv=program.argv,
            environment={**common, **program.environment},
            stop_seconds=self.settings.testbed.stop_seconds,
            priority=priority,
            stop_signal="QUIT",  # what the original agents end at in order
            directory=str(program.directory),
        )
