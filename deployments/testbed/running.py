"""`testbed run`: the agents started and ready, then the workflow, from its request to its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from filelock import FileLock, Timeout

from blocks.errors import OutsideUnavailable
from blocks.monitor_api import StreamEvent, StreamFilter
from blocks.monitor_api.actions import ActionApi, ActionState
from blocks.monitor_api.agents import AgentApi
from blocks.monitor_api.client import MonitorApi
from deployments.cli.events import reading
from deployments.testbed.environment import Monitor
from deployments.testbed.errors import TestbedBusy
from deployments.testbed.following import Follower
from deployments.testbed.interruption import Interruption, Leave
from deployments.testbed.lifecycle import Plan, UserTestbed
from deployments.testbed.programs import OURS, Agent
from deployments.testbed.progress import MSG_TYPES, Progress
from deployments.testbed.readiness import Readiness

COMPLETED, FAILED, INTERRUPTED = 0, 1, 130
"""Exit codes of a run; a bad configuration's is 2."""
_SAID_OF_EACH_STF: Final = {"data": "stf_ready", "processing": "processing_complete"}
"""What agents of ours say of each STF."""
_SENT_ELSEWHERE: Final = ("processing_complete", "slice")
"""What goes to destinations of its own on a bus."""

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Report:
    """How a run ended.

    Attributes:
        state: The request, as it ended.
        progress: What was heard of it.
        instances: The agents' names at the monitor.
        is_interrupted: Whether it was stopped by Ctrl+C.
    """

    state: ActionState
    progress: Progress
    instances: Mapping[str, str]
    is_interrupted: bool

    @property
    def status(self) -> str:
        """How the execution ended, in its own word where there is one."""
        return str((self.state.result or {}).get("status", self.state.state))

    @property
    def exit_code(self) -> int:
        """The command's exit code."""
        if self.is_interrupted:
            return INTERRUPTED
        return COMPLETED if self.status == "completed" else FAILED

    def as_json(self) -> dict[str, Any]:
        """All of it, for programs."""
        result = self.state.result or {}
        return {
            "request_id": self.state.id,
            "execution_id": result.get("execution_id", self.progress.execution_id),
            "run_number": result.get("run_number", self.progress.run_number),
            "namespace": self.progress.namespace,
            "status": self.status,
            "error": self.state.error,
            "stf_files": result.get("stf_files"),
            "heard": dict(self.progress.counts),
            "agents": dict(self.instances),
            "flow_run_url": self.state.flow_run_url,
        }


@contextmanager
def agents_stopped_afterwards(testbed: UserTestbed, plan: Plan, say: Say) -> Iterator[None]:
    """Stop the enabled agents at the end, however it comes; not where the user leaves at once."""
    is_left = False
    try:
        yield
    except Leave:
        is_left = True
        raise
    finally:
        if not is_left:
            stopped = testbed.stop(each.name for each in plan.enabled)
            say(f"stopped: {', '.join(stopped) or 'none ran'}")


@dataclass
class Runner:
    """Runs a workflow on the user's agents.

    Attributes:
        testbed: The user's.
        monitor: The monitor.
        say: Tells people something, in a line.
        heard: Is called with each event of the execution, and what has come so far.
        interruption: Whether somebody wants it to stop.
    """

    testbed: UserTestbed
    monitor: Monitor
    say: Say
    heard: Callable[[StreamEvent, Progress], None] = lambda _event, _progress: None
    interruption: Interruption = field(default_factory=Interruption)

    def run(self, plan: Plan, form: Mapping[str, Any], *, ready_seconds: float) -> Report:
        """Start the enabled agents, wait until they are ready, run the workflow, wait for its end.

        Raises:
            AgentsNotReady: Some are not; nothing was run.
            TestbedBusy: Another run of this user is under way.
            RequestRefused: The workflow was not accepted.
            Leave: Ctrl+C, before the workflow began, or for the second time.
        """
        with self._alone():
            instances = self.make_ready(plan, plan.enabled, ready_seconds)
            return self._play(plan, form, instances)

    def make_ready(self, plan: Plan, agents: Sequence[Agent], seconds: float) -> dict[str, str]:
        """Start agents, and wait until they are ready; gives their names at the monitor.

        Raises:
            AgentsNotReady: Some are not.
        """
        for name in self.testbed.start(plan, agents, self.monitor):
            why = "its command or environment has changed, or the configuration has it no more"
            self.say(f"{name} was stopped: {why}")
        with AgentApi(self.monitor.url, self.monitor.token) as api:
            return Readiness(api, self.testbed.supervision).wait(
                agents,
                seconds=seconds,
                became_ready=lambda name, instance: self.say(f"{name}: {instance} is ready"),
            )

    def _play(self, plan: Plan, form: Mapping[str, Any], instances: Mapping[str, str]) -> Report:
        with ExitStack() as opened:
            api = opened.enter_context(ActionApi(self.monitor.url, self.monitor.token))
            agents = opened.enter_context(AgentApi(self.monitor.url, self.monitor.token))
            stream = opened.enter_context(MonitorApi(self.monitor.url, self.monitor.token))
            wanted = StreamFilter(msg_types=MSG_TYPES)
            events = opened.enter_context(reading(stream.follow(wanted), report=self.say))
            self.interruption.is_immediate = False  # from here on there may be a workflow to stop
            asked = api.ask("run_workflow", dict(form))
            self.say(f"request {asked.id}: {form['workflow']} in namespace {form['namespace']}")
            progress = Progress(plan.configuration.namespace, asked.id)
            follower = Follower(
                api, events, progress, self.interruption, self.say,
                heard=lambda event: self.heard(event, progress),
                recount=lambda: _recount(agents, progress),
            )  # fmt: skip
            state, is_interrupted = follower.until_ended(), self.interruption.is_wanted
            follower.until_settled(_expected(plan, progress))
        return Report(
            state=state,
            progress=progress,
            instances=instances,
            is_interrupted=is_interrupted,
        )

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Be the only run of this user's testbed.

        Raises:
            TestbedBusy: Another one is under way.
        """
        directory: Path = self.testbed.supervision.state_dir
        with self.testbed.supervision.changing():
            lock = FileLock(directory / "run.lock", timeout=0)
        try:
            with lock:
                yield
        except Timeout:
            text = "another `testbed run` of yours is under way; wait for it, or stop its workflow"
            raise TestbedBusy(text) from None


def _recount(api: AgentApi, progress: Progress) -> None:
    """Count what agents send to other destinations than the topic, from the monitor's record."""
    if progress.run_number is None:
        return
    for name in _SENT_ELSEWHERE:
        wanted = {"message_type": name, "run_id": progress.run_number}
        try:
            progress.recorded[name] = api.count("workflow-messages", **wanted)
        except OutsideUnavailable:
            return  # at the next time


def _expected(plan: Plan, progress: Progress) -> dict[str, int]:
    """What the agents of ours will have said when they are done with all STFs."""
    stfs = progress.counts["stf_gen"]
    ours = [each.name for each in plan.enabled if each.name in OURS]
    return {_SAID_OF_EACH_STF[name]: stfs for name in ours if name in _SAID_OF_EACH_STF}
