"""The stack as one thing: brought up in order, watched, restarted, and ended without a trace."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from blocks.errors import ProdOpsError
from deployments.sandbox.broker.readiness import accepts
from deployments.stack import environment, grid, postgres
from deployments.stack.control import PartState
from deployments.stack.credentials import Credentials
from deployments.stack.environment import Zone
from deployments.stack.errors import PartFailed, ShutDownByBus, StackDown, failed_to_start
from deployments.stack.layout import Layout
from deployments.stack.lock import UpLock
from deployments.stack.logs import last_error, last_words
from deployments.stack.parts import BRIDGE, BROKER, GRID, NOTIFIER, parts_of
from deployments.stack.ports import check_free, ports_of
from deployments.stack.readiness import answers
from deployments.stack.supervise import Supervisor
from deployments.stack.temporary import (
    ended_by_signals,
    remove_state,
    temporary_environment,
    temporary_settings,
)
from deployments.stack.watch import Happening, Kind, Listener, Watch
from flows.common.settings import Settings

READY_SECONDS = 300.0
WATCH_SECONDS = 1.0
_POLL_SECONDS = 0.1
_EXITS_AT_START = 4  # PostgreSQL may need several starts while a killed one's backends end
_ENDING_SECONDS = 5.0


def _unheard(_: Happening) -> None:
    """Listen to nothing."""


class Stack:
    """The parts of one state directory, kept alive by this process.

    Args:
        settings: The whole settings.
        given: Those that were given, by the names used; the parts get theirs from it.
        parts: Names of the parts to run; by default all that the settings ask for.
        listener: Told of each thing that happens to a part.
        is_migrated: Whether the schema is brought up to date.
    """

    def __init__(
        self,
        settings: Settings,
        given: Mapping[str, str],
        *,
        parts: Iterable[str] | None = None,
        listener: Listener = _unheard,
        is_migrated: bool = True,
    ) -> None:
        self.settings = settings
        self.layout = Layout(settings.stack.state_dir)
        wanted = None if parts is None else set(parts)
        self._given = dict(given)
        self._parts = [p for p in parts_of(settings, given) if wanted is None or p.name in wanted]
        self._listener = listener
        self._is_migrated = is_migrated
        self._lock = UpLock(self.layout)
        self._supervisor = Supervisor(self.layout, settings, self._parts)
        self._control = self._supervisor.control
        with self.layout.used():
            self._watch = Watch(self.layout, self._control, listener)

    @classmethod
    @contextmanager
    def temporary(
        cls,
        overrides: Mapping[str, str] | None = None,
        *,
        parts: Iterable[str] | None = None,
        listener: Listener = _unheard,
        is_migrated: bool = True,
        is_kept: bool = False,
    ) -> Iterator[Self]:
        """A stack on free ports in a directory of its own; nothing of it is left afterwards.

        Args:
            overrides: Settings by their environment names; no others are read.
            parts: Names of the parts to run, e.g. ``("postgres",)``; by default all.
            listener: Told of each thing that happens to a part.
            is_migrated: Whether the schema is brought up to date.
            is_kept: Whether its state is left after all, for a later one in the same directory.

        Raises:
            PartFailed: A part did not come up.
        """
        given = temporary_environment(overrides or {})
        settings = temporary_settings(given)
        try:
            with ended_by_signals():
                stack = cls(
                    settings, given, parts=parts, listener=listener, is_migrated=is_migrated
                )
                try:
                    stack.start()
                    with stack.watched():
                        yield stack
                finally:
                    stack.stop()
        finally:
            if not is_kept:
                remove_state(settings)

    @property
    def state_dir(self) -> Path:
        """Where the stack keeps everything."""
        return self.layout.state_dir

    @property
    def api_url(self) -> str:
        """Address of the web tier, with its prefix."""
        return environment.api_url(self.settings)

    @property
    def prefect_url(self) -> str:
        """Address of Prefect's API."""
        return environment.prefect_api_url(self.settings)

    @property
    def part_names(self) -> tuple[str, ...]:
        """The parts that this stack runs."""
        return tuple(part.name for part in self._parts)

    def environment(self, role: str = "ops") -> dict[str, str]:
        """The whole environment of a process of the zone `role`: ``ops`` or ``web``."""
        return environment.environment_of(Zone(role), self.settings, self._given)

    def state(self, part: str) -> PartState:
        """What supervisord knows of a part."""
        return self._control.state(part)

    def pid(self, part: str) -> int:
        """The pid of a part, or of ``supervisord``.

        Raises:
            StackDown: The part has no process now.
        """
        if part == "supervisord":
            return self._supervisor.pid
        pid = self._control.state(part).pid
        if pid is None:
            raise StackDown(f"{part} has no process now")
        return pid

    def restart(self, part: str) -> None:
        """Stop a part, start it, and wait until it is ready."""
        self.stop_part(part)
        self.start_part(part)

    def stop_part(self, part: str) -> None:
        """Stop a part and wait until it has ended; it is not started again."""
        self._control.stop(part)
        self._supervisor.wait_ended([part])

    def start_part(self, part: str) -> None:
        """Start a part and wait until it is ready."""
        self._control.start(part)
        self.wait_ready(part)

    def start(self) -> None:
        """Bring everything up in order; on an error, what came up is ended by :meth:`stop`.

        Raises:
            AlreadyUp: Another process runs this stack.
            PortInUse: A port that a part needs is another process's.
            PostgresUnusable: The embedded database has no programs, or no user to run it.
            PartFailed: A part did not come up.
        """
        with self.layout.used():
            self.layout.create()
            self._lock.take()
        if "postgres" in self.part_names:
            postgres.instance_of(self.settings)  # says now what would stop it later
        with self.layout.used():
            Credentials(self.layout.secrets).create()
        was_killed = self.layout.supervisor_pid.exists()
        patience = _ENDING_SECONDS if was_killed else 0.0
        check_free(ports_of(self.settings, self.part_names), patience_seconds=patience)
        if "rucio" in self.part_names:
            grid.prepare(self.settings, self.environment("server"), self._listener)
        with self.layout.used():
            self._supervisor.start()
        for group in self._order():
            started = time.monotonic()
            for name in group:
                self._listener(Happening(Kind.STARTING, name))
                self._control.start(name)
            for name in group:
                self.wait_ready(name)
                seconds = time.monotonic() - started
                self._listener(Happening(Kind.READY, name, f"{seconds:.1f} s"))

    def stop(self) -> None:
        """End every part and leave no process; harmless when nothing runs."""
        self._watch.close()
        if not self._lock.is_held:
            return
        try:
            self._supervisor.stop()
        finally:
            self.layout.remove_socket_directory()
            self._lock.free()

    def kill(self) -> None:
        """End everything at once."""
        self._supervisor.kill()

    def step(self) -> None:
        """Look at the parts once: report what happened, start again what was given up.

        Raises:
            ShutDownByBus: The bridge ended because a message asked for the end of the stack.
            SupervisorLost: supervisord is gone, and every part with it.
        """
        self._supervisor.check()
        self._watch.step()
        if self._watch.is_shut_down:
            raise ShutDownByBus("shut down, as a message of the bus asked for")

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look at the parts every second, in a thread of its own."""
        ended = threading.Event()

        def look() -> None:
            while not ended.wait(WATCH_SECONDS):
                try:
                    self.step()
                except ProdOpsError:
                    return  # the next call of this stack says what it is

        thread = threading.Thread(target=look, name="stack-watch", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def wait_ready(self, part: str) -> None:
        """Wait until a part does its work.

        Raises:
            PartFailed: It ended too often, or is not ready in time.
        """
        if part == "postgres":
            self._provision()
        else:
            self._wait(part, self._readiness(part))

    def _order(self) -> list[list[str]]:
        """The parts in steps; those of one step start side by side."""
        steps = [
            ["postgres"],
            ["panda", *GRID, BROKER, "prefect", "api"],
            ["relay", "worker", BRIDGE, NOTIFIER, "scanner"],
        ]
        present = [[name for name in step if name in self.part_names] for step in steps]
        return [step for step in present if step]

    def _readiness(self, part: str) -> Callable[[], bool]:
        panda = environment.sandbox_panda_url(self.settings)
        health = {
            "prefect": f"{self.prefect_url}/health",
            "api": f"{self.api_url}/api/health/",
            "panda": f"{panda}/api/v1/system/is_alive",
        }
        if part in health:
            return lambda: answers(health[part])
        if part in GRID:
            return grid.readiness(self.settings, part)
        if part == BROKER:
            return lambda: accepts(self.settings)
        if part in {"relay", "worker", BRIDGE, NOTIFIER}:
            return lambda: self.layout.is_ready(part, self._control.state(part).pid)
        return lambda: self._control.state(part).is_running

    def _provision(self) -> None:
        """Wait for PostgreSQL, and complete its roles, databases and schema."""
        command = [sys.executable, "-m", "deployments.stack.provision", "--embedded"]
        with subprocess.Popen(
            [*command, *(["--migrate"] if self._is_migrated else [])],
            env=self.environment("ops"),
            cwd=self.state_dir,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                self._wait("postgres", lambda: process.poll() is not None)
            finally:
                process.kill()
            complaint = process.communicate()[1].strip()
            if process.returncode != 0:
                raise failed_to_start("postgres", process.returncode, complaint)

    def _wait(self, part: str, is_ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + READY_SECONDS
        exits_before = self._watch.exits[part]
        while not is_ready():
            self.step()
            if self._watch.exits[part] - exits_before >= _EXITS_AT_START:
                raise PartFailed(part, self._why(part, "it ends as soon as it starts"))
            if time.monotonic() > deadline:
                raise PartFailed(part, self._why(part, f"not ready after {READY_SECONDS:.0f} s"))
            time.sleep(_POLL_SECONDS)

    def _why(self, part: str, otherwise: str) -> str:
        log = self.layout.log(part)
        return f"{last_error(log) or last_words(log) or otherwise}; see {log}"
