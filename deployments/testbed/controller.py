"""The user's controller: takes commands from the database and from the bus, and says how it is.

It alone starts and stops processes at a command of others: on its own host, as its own user.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from filelock import Timeout

from blocks.errors import OutsideUnavailable, ProdOpsError
from blocks.monitor_api import StreamFilter, TokenRefused
from blocks.monitor_api.agents import AgentApi
from blocks.monitor_api.client import MonitorApi
from blocks.monitor_api.stream import EventStream
from blocks.monitor_api.testbed import CommandApi
from deployments.agents.log_records import at_monitor
from deployments.agents.patience import GaveUp, Patience, Stopping
from deployments.signals import handled
from deployments.testbed.bus import ControlQueue
from deployments.testbed.commands import Commands
from deployments.testbed.environment import Monitor
from deployments.testbed.errors import BadTestbed
from deployments.testbed.lifecycle import UserTestbed, testbed_user
from flows.common.settings import Settings
from flows.testbed import messages
from flows.testbed.domain import ANSWER, Verb, controller_name

OK, FAILED, BAD_CONFIGURATION = 0, 1, 2
"""Exit codes of a controller."""
_LOCK_SECONDS: Final = 5.0
_TIMEOUT_SECONDS: Final = 10.0
_LONGEST_ERROR: Final = 4000
_TYPE: Final = "agent_manager"

_log = logging.getLogger("prodops.controller")


def run(settings: Settings, monitor: Monitor) -> int:
    """Run the controller until a signal; gives the process's exit code.

    Raises:
        BadTestbed: Another controller of this user runs on this host.
    """
    testbed, user = UserTestbed(settings, is_controller=True), testbed_user(settings)
    with (
        _only_one(testbed),
        AgentApi(monitor.url, monitor.token, timeout_seconds=_TIMEOUT_SECONDS) as agents,
        MonitorApi(monitor.url, monitor.token, timeout_seconds=_TIMEOUT_SECONDS) as stream,
        CommandApi(monitor.url, monitor.token, timeout_seconds=_TIMEOUT_SECONDS) as commands,
        at_monitor(logging.getLogger("prodops"), agents.log, _TYPE, controller_name(user)),
    ):
        controller = _Controller(settings, Commands(testbed, monitor, agents), stream, commands)
        code = controller.run()
    if controller.is_to_restart:
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - itself
    return code


@contextmanager
def _only_one(testbed: UserTestbed) -> Iterator[None]:
    """Be the only controller of the user on this host."""
    with testbed.supervision.changing():
        lock = testbed.controller_lock()
    try:
        with lock.acquire(timeout=_LOCK_SECONDS):  # a look at the lock holds it for a moment
            yield
    except Timeout:
        place = testbed.supervision.state_dir
        raise BadTestbed(f"another controller works on the testbed in {place}") from None


@dataclass
class _Controller:
    """One controller's life."""

    settings: Settings
    commands: Commands
    monitor: MonitorApi
    api: CommandApi
    is_to_restart: bool = False
    _stopping: threading.Event = field(default_factory=threading.Event)
    _beat_now: threading.Event = field(default_factory=threading.Event)
    _working: threading.Lock = field(default_factory=threading.Lock)
    _stream: EventStream | None = None
    _refusal: TokenRefused | None = None

    def __post_init__(self) -> None:
        self.user = testbed_user(self.settings)
        self.name = controller_name(self.user)
        self._taken_by = f"{socket.gethostname()}:{os.getpid()}"
        self._patience = Patience()

    def run(self) -> int:
        threads = [threading.Thread(target=self._beat_by_clock, name="controller-heartbeat")]
        if self.settings.bus.host is not None:
            queue = ControlQueue(
                self.settings.bus, self.user, self._do, self._restart, self._stopping
            )
            threads.append(threading.Thread(target=queue.run, name="controller-bus"))
        numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
        with (
            handled(self._on_signal, *numbers),
            handled(lambda *_: self._beat_now.set(), signal.SIGUSR1),
        ):
            for each in threads:
                each.start()
            try:
                self._follow()
            finally:
                self._stop()
                for each in threads:
                    each.join()
        self._beat(is_there=False)
        return self._exit_code()

    def _exit_code(self) -> int:
        if self._refusal is None:
            _log.info("controller %s has ended", self.name)
            return OK
        _log.error(
            "%s: the token must be %s's, or of the scope operate; PRODOPS_TESTBED_USER says whose"
            " testbed it is",
            self._refusal,
            self.user,
        )
        return BAD_CONFIGURATION

    # ------------------------------------------------------------------ commands

    def _follow(self) -> None:
        """Take commands as the stream announces them; what was there before, at each connection."""
        _log.info("controller %s takes commands, as %s", self.name, self._taken_by)
        wanted = StreamFilter(msg_types=(messages.COMMANDED,), subject=self.user)
        self._stream = self.monitor.follow(wanted, report=lambda line: _log.info("%s", line))
        if self._stopping.is_set():  # a signal came before there was a stream to close
            return
        try:
            for event in self._stream:
                if event.event in {"connected", messages.COMMANDED}:
                    self._work_off()
                if self._stopping.is_set():
                    return
        except TokenRefused as refusal:
            self._refusal = refusal

    def _work_off(self) -> None:
        """Take commands until none waits; one thread at a time."""
        with self._working:
            while not self._stopping.is_set():
                try:
                    command = self.api.take(self.user, self._taken_by)
                except TokenRefused as refusal:
                    self._refusal = refusal
                    self._stop()
                    return
                except OutsideUnavailable as error:
                    _log.debug("no look for commands: %s", error)
                    return
                except ProdOpsError as error:  # a monitor of another version
                    _log.warning("the monitor gives no command: %s", error)
                    return
                if command is None:
                    return
                self._carry_out(command)
        self._beat_now.set()

    def _carry_out(self, command: Mapping[str, Any]) -> None:
        what = f"{command['verb']} {command['target'] or ''}".strip()
        _log.info("command %d, of %s: %s", command["id"], command["requested_by"], what)
        result, error = None, None
        try:
            verb = Verb(command["verb"])
            result = self.commands.do(verb, command["target"], command["config"])
        except (ProdOpsError, ValueError) as refusal:  # the monitor may know more verbs
            error = str(refusal)[:_LONGEST_ERROR]
            _log.warning("command %d failed: %s", command["id"], error)
        try:
            self._patience.until_answered(
                "take an answer",
                lambda: self.api.answer(command["id"], self._taken_by, result=result, error=error),
                limit_seconds=ANSWER.total_seconds(),
            )
        except (Stopping, GaveUp, ProdOpsError) as refusal:
            _log.warning("the answer to command %d was not taken: %s", command["id"], refusal)
        self._beat_now.set()

    def _do(self, verb: Verb, target: str | None, config: str | None) -> dict[str, Any]:
        """Do what the bus says, when nothing else is being done."""
        with self._working:
            result = self.commands.do(verb, target, config)
        self._beat_now.set()
        return result

    # ------------------------------------------------------------------ its life

    def _restart(self) -> None:
        self.is_to_restart = True
        self._stop()

    def _on_signal(self, number: int, _frame: object) -> None:
        _log.info("%s: the controller stops", signal.Signals(number).name)
        # By a thread: the one that the signal interrupts may hold a lock that stopping takes.
        threading.Thread(target=self._stop, name="controller-stop").start()

    def _stop(self) -> None:
        self._stopping.set()
        self._beat_now.set()
        self._patience.stop()
        if self._stream is not None:
            self._stream.close()

    def _beat_by_clock(self) -> None:
        """Say how the testbed is, and look for commands of which nothing was heard."""
        while not self._stopping.is_set():
            self._beat_now.clear()
            self._beat(is_there=True)
            self._beat_now.wait(self.settings.testbed.heartbeat_seconds)
            if not self._beat_now.is_set():
                self._work_off()

    def _beat(self, *, is_there: bool) -> None:
        state = "READY" if is_there else "EXITED"
        said = {
            "instance_name": self.name,
            "agent_type": _TYPE,
            "status": "OK" if is_there else state,
            "operational_state": state,
            "description": f"controller of {self.user}'s testbed on {socket.gethostname()}",
            "pid": os.getpid(),
            "hostname": socket.gethostname(),
            "metadata": self.commands.testbed.summary(),
        }
        try:
            self.commands.api.heartbeat(said)
        except OutsideUnavailable as error:
            _log.debug("no heartbeat: %s", error)
        except ProdOpsError as error:
            _log.warning("the monitor refuses the heartbeat: %s", error)
