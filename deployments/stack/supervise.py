"""The supervisord of a stack, as a child of this process that cannot outlive it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress

import psutil

from deployments.stack.child import Spec
from deployments.stack.config import supervisor_config
from deployments.stack.control import Control
from deployments.stack.environment import Zone, environment_of
from deployments.stack.errors import StackDown, SupervisorLost
from deployments.stack.layout import Layout
from deployments.stack.parts import BROKER, NAMES, Part
from flows.common.settings import Settings

_ANSWER_SECONDS = 15.0
_POLL_SECONDS = 0.05
_SLACK_SECONDS = 5.0
_SERVERS = ("postgres", BROKER, "prefect")


class Supervisor:
    """Runs supervisord; start it from a thread that lives as long as the stack.

    (The kernel's parent-death signal follows the thread that forked, not the process.)
    """

    def __init__(self, layout: Layout, settings: Settings, parts: Iterable[Part]) -> None:
        self.control = Control(layout)
        self._layout = layout
        self._settings = settings
        self._parts = {part.name: part for part in parts}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The pid of supervisord.

        Raises:
            StackDown: It is not running.
        """
        if self._process is None:
            raise StackDown("the stack is not running")
        return self._process.pid

    def start(self) -> None:
        """Write the configuration and start supervisord; no part is started yet.

        Raises:
            SupervisorLost: It ended, or did not answer in time.
        """
        layout = self._layout
        layout.socket.unlink(missing_ok=True)
        layout.supervisor_pid.unlink(missing_ok=True)
        layout.supervisor_config.write_text(supervisor_config(layout, self._parts.values()))
        for part in self._parts.values():
            part.spec(layout.supervisor_pid).write(layout.spec(part.name))
        spec = self._own_spec()
        spec.write(layout.spec(spec.name))
        with (layout.logs / "supervisord.out").open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "deployments.stack.child", layout.spec(spec.name)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=spec.environment,
                cwd=layout.state_dir,
                start_new_session=True,  # a terminal's Ctrl+C is for `prodops up` alone
            )
        self._wait_for_answer()

    def check(self) -> None:
        """See that supervisord is there.

        Raises:
            SupervisorLost: It is not, and so no part is.
        """
        if self._process is None or self._process.poll() is not None:
            raise SupervisorLost(f"supervisord ended; see {self._layout.supervisor_log}")

    def stop(self) -> None:
        """End the parts, the ones that others stand on last, and supervisord; leave no process."""
        process = self._process
        if process is None:
            return
        try:
            self._stop_parts()
            self._kill_leftovers()
            self.control.shut_down()
            process.wait(_SLACK_SECONDS)
        except (StackDown, subprocess.TimeoutExpired):
            self._kill_leftovers()
        finally:
            self.kill()

    def kill(self) -> None:
        """End everything at once, as if by ``kill -9``."""
        if self._process is None:
            return
        self._kill_leftovers()
        self._process.kill()
        self._process.wait()

    def wait_ended(self, names: Iterable[str]) -> None:
        """Wait until these parts have ended; supervisord kills those that take too long."""
        names = list(names)
        longest = max((self._parts[name].stop_seconds for name in names), default=0.0)
        deadline = time.monotonic() + longest + _SLACK_SECONDS
        while time.monotonic() < deadline:
            if all(self.control.state(name).is_ended for name in names):
                return
            time.sleep(_POLL_SECONDS)

    def _stop_parts(self) -> None:
        ours = [name for name in reversed(NAMES) if name in self._parts]
        steps = [[name for name in ours if name not in _SERVERS]]
        steps += [[name] for name in ours if name in _SERVERS]
        for step in steps:
            for name in step:
                self.control.stop(name)
            self.wait_ended(step)

    def _kill_leftovers(self) -> None:
        """Kill what is still below supervisord, which adopts what its parts leave behind."""
        if self._process is None or self._process.poll() is not None:
            return
        try:
            left = psutil.Process(self._process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(left, timeout=_SLACK_SECONDS)

    def _own_spec(self) -> Spec:
        config = os.fspath(self._layout.supervisor_config)
        return Spec(
            name="supervisord",
            argv=(sys.executable, "-P", "-m", "supervisor.supervisord", "-n", "-c", config),
            environment=environment_of(Zone.SERVER, self._settings, {}),
            death_signal=int(signal.SIGKILL),
            parent=str(os.getpid()),
            is_subreaper=True,
        )

    def _wait_for_answer(self) -> None:
        deadline = time.monotonic() + _ANSWER_SECONDS
        while time.monotonic() < deadline:
            self.check()
            try:
                self.control.states()
            except StackDown:
                time.sleep(_POLL_SECONDS)
            else:
                return
        raise SupervisorLost(f"supervisord does not answer; see {self._layout.supervisor_log}")
