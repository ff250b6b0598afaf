"""The life of an agent: it registers, beats, receives, works, and says at last that it has ended.

Source: fast-monitoring contract section 5.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Protocol

from blocks.errors import OutsideUnavailable, ProdOpsError
from blocks.monitor_api.agents import AgentApi
from blocks.monitor_api.errors import TokenRefused
from deployments.agents.background import Background
from deployments.agents.log_records import LAST_WORDS_SECONDS, MonitorLog
from deployments.agents.memory import Memory
from deployments.agents.patience import Patience, Stopping
from deployments.agents.positions import Positions
from deployments.agents.transport import EPIC_TOPIC, Outgoing, Received, Transport
from deployments.os_user import user_name
from deployments.signals import handled
from flows.common.settings import AgentSettings

OK, FAILED, BAD_CONFIGURATION = 0, 1, 2
"""Exit codes of an agent."""
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)

_log = logging.getLogger("prodops.agent")

Handlers = Mapping[str, Callable[[Received], None]]
"""What is done with a message, by its `msg_type`."""


class State(StrEnum):
    """What an agent does just now (contract section 5.6)."""

    STARTING = "STARTING"
    READY = "READY"
    PROCESSING = "PROCESSING"
    EXITED = "EXITED"


class Agent(Protocol):
    """What an agent is, beyond what all share.

    Attributes:
        agent_type: As heartbeats say it; in lower case it begins the agent's name.
        handlers: What is done with a message, by its `msg_type`. A message may come again, after
            the agent was killed: then its handler must change nothing more.
    """

    agent_type: str

    @property
    def handlers(self) -> Handlers:
        """See the class."""


@dataclass
class Runtime:
    """What one agent lives with, and what its handlers ask and send through.

    Attributes:
        name: The agent's, once it is registered.
        stfs: How many STFs it has dealt with, as heartbeats say it; its handlers count.
        failures: How many messages could not be dealt with.
    """

    api: AgentApi
    transport: Transport
    memory: Memory
    settings: AgentSettings
    namespace: str = ""
    patience: Patience = field(default_factory=Patience)
    agent_type: str = ""
    name: str = ""
    stfs: int = 0
    failures: int = 0
    _state: State = State.STARTING
    _current: int | None = None
    _signal: signal.Signals | None = None
    _monitor_log: MonitorLog | None = None

    def __post_init__(self) -> None:
        self._background = Background(self.settings.workers, self._note_failure)
        self._positions = Positions(self._settled, self.memory.content.position)
        self._is_ready, self._is_ended = threading.Event(), threading.Event()
        self._beats = threading.Thread(target=self._beat_by_timer, name="agent-heartbeat")

    # ------------------------------------------------------------------ for handlers

    def ask(self, what: str, call: Callable[[], Any]) -> Any:
        """What a call to the monitor gives, however long it is away.

        Raises:
            Stopping: The agent is to stop.
            ProdOpsError: The monitor refuses.
        """
        return self.patience.until_answered(what, call)

    def in_background(
        self, what: str, work: Callable[[], Any], *, key: Hashable | None = None
    ) -> bool:
        """Have work done beside the receiving, for the message that is handled now.

        The message counts as dealt with once the work has ended. To be called by its handler, in
        the handler's thread.

        Returns:
            Whether it will be done: not where work of the same key is under way.
        """
        position = self._current
        self._positions.hold(position)
        is_taken = self._background.run(
            what, work, key=key, done=lambda: self._positions.release(position)
        )
        if not is_taken:
            self._positions.release(position)
        return is_taken

    def outgoing(
        self,
        body: Mapping[str, Any],
        *,
        destination: str = EPIC_TOPIC,
        headers: Mapping[str, str] | None = None,
    ) -> Outgoing:
        """A message of this agent: with its sender and its namespace, whatever the body says."""
        own = {"namespace": self.namespace} if self.namespace else {}
        return Outgoing(
            body={**body, **own, "sender": self.name},
            destination=destination,
            headers=headers or {},
        )

    # ------------------------------------------------------------------ its life

    def run(self, agent: Agent) -> int:
        """Live until a signal; gives the process's exit code."""
        self.agent_type = agent.agent_type
        with handled(self._on_signal, *_SIGNALS):
            try:
                code = self._live(agent)
            except TokenRefused as error:
                _log.error("the monitor refuses the token: %s", error)
                code = BAD_CONFIGURATION
            except Stopping:
                code = OK
            except ProdOpsError as error:
                _log.error("%s", error)
                code = FAILED
            finally:
                self._end()
        return code

    def stop(self) -> None:
        """Have the agent end in order; from any thread or signal handler."""
        self.patience.stop()
        self.transport.close()

    def _live(self, agent: Agent) -> int:
        self._register()
        handlers = agent.handlers
        after = self.memory.content.position
        for received in self.transport.receive(handlers, after, connected=self._connected):
            self._handle(received, handlers)
            if self.patience.is_stopping:
                break
        return OK

    def _register(self) -> None:
        """Get a name, and be known by it; waits for the monitor."""
        number = self.memory.content.agent_id
        limit = self.settings.start_seconds
        if number is None:
            number = self.patience.until_answered(
                "give this agent its number", self.api.next_agent_id, limit_seconds=limit
            )
            self.memory.remember(agent_id=number)
        kind = f"{self.agent_type.lower()}-agent"
        self.name = f"{kind}-{user_name()}-{number}"
        self._monitor_log = MonitorLog(self.api.log, kind, self.name)
        _log.addHandler(self._monitor_log)
        _log.info("agent %s starts, in namespace %r", self.name, self.namespace)
        subscriber = f"{self.name}-{EPIC_TOPIC}"
        self.patience.until_answered(
            "register the subscriber",
            lambda: self.api.subscribe(subscriber, f"{self.agent_type} agent"),
            limit_seconds=limit,
        )
        self._beat()
        self._beats.start()

    def _connected(self, position: int | None) -> None:
        self._positions.begin_at(position)
        if self._state is State.STARTING:
            self._state = State.READY
            _log.info("agent %s is ready", self.name)
            self._is_ready.set()

    def _handle(
        self, received: Received, handlers: Mapping[str, Callable[[Received], None]]
    ) -> None:
        """Deal with one message; one that cannot be dealt with is named, and the next one comes."""
        self._current = received.position
        self._positions.hold(received.position)
        kind = str(received.body.get("msg_type"))
        if kind in handlers and self._is_ours(received.body):
            try:
                handlers[kind](received)
            except Stopping:
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, it is this message's
                self._note_failure(f"{kind} (message {received.position})", error)
        self._positions.release(received.position)

    def _is_ours(self, body: Mapping[str, Any]) -> bool:
        """Whether it is not our own, nor another namespace's (contract section 1.4)."""
        if body.get("sender") == self.name:
            return False
        theirs = body.get("namespace")
        return not self.namespace or not theirs or theirs == self.namespace

    def _note_failure(self, what: str, error: Exception) -> None:
        self.failures += 1
        is_known = isinstance(error, ProdOpsError)
        _log.error("%s is left: %s", what, error, exc_info=None if is_known else error)

    def _settled(self, position: int) -> None:
        self.memory.remember(position=position)
        self.transport.settled(position)

    # ------------------------------------------------------------------ what it says of itself

    @property
    def state(self) -> State:
        """What it does just now."""
        is_busy = self._state is State.READY and self._background.count
        return State.PROCESSING if is_busy else self._state

    def _beat_by_timer(self) -> None:
        """Beat by the clock, and once more as soon as the agent is ready."""
        awaited = self._is_ready
        while True:
            awaited.wait(self.settings.heartbeat_seconds)
            if self._is_ended.is_set():
                return
            self._beat()
            awaited = self._is_ended if self._is_ready.is_set() else self._is_ready

    def _beat(self, status: str | None = None) -> None:
        """Say how the agent is; a monitor that is away hears it the next time."""
        is_connected = self.transport.is_connected
        reached = "connected" if is_connected else "disconnected"
        said = {
            "instance_name": self.name,
            "agent_type": self.agent_type,
            "status": status or ("OK" if is_connected else "WARNING"),
            "description": f"{self.agent_type} agent. MQ: {reached}",
            "mq_connected": is_connected,
            "pid": os.getpid(),
            "hostname": socket.gethostname(),
            "operational_state": self.state.value,
            "current_stf_count": self._background.count,
            "total_stf_processed": self.stfs,
            "metadata": {"failures": self.failures, "position": self.memory.content.position},
        }
        if self.namespace:
            said["namespace"] = self.namespace
        try:
            self.api.heartbeat(said)
        except OutsideUnavailable as error:
            _log.debug("no heartbeat: %s", error)
        except ProdOpsError as error:
            _log.warning("the monitor refuses the heartbeat: %s", error)

    def _on_signal(self, number: int, _frame: object) -> None:
        self._signal = signal.Signals(number)
        # By a thread: the one that the signal interrupts may hold a lock that stopping takes.
        threading.Thread(target=self.stop, name="agent-stop").start()

    def _end(self) -> None:
        """Finish what is under way, and say as the very last that the agent has ended."""
        self.stop()
        if self._signal is not None:
            _log.info("%s: the agent stops", self._signal.name)
        self._background.drain(self.settings.drain_seconds)
        self._state = State.EXITED
        self._is_ended.set()
        self._is_ready.set()
        if self._monitor_log is not None:
            _log.info("agent %s has ended", self.name)
            _log.removeHandler(self._monitor_log)
            self._monitor_log.flush_for(LAST_WORDS_SECONDS)
        if self._beats.ident is not None:  # it was started
            self._beats.join()
            self._beat("EXITED")
