"""The supervisor of a user's agents: its own configuration, socket and logs, and its own life.

It goes on when the command that started it ends, and its agents with it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from deployments.stack.child import Spec
from deployments.stack.config import supervisor_config
from deployments.stack.control import Control, PartState
from deployments.stack.errors import StackDown
from deployments.stack.layout import Layout, private_directory
from deployments.stack.parts import Part
from deployments.testbed.errors import SupervisorFailed, TestbedBusy

_START_RETRIES: Final = 3
_ANSWER_SECONDS: Final = 15.0
_LOCK_SECONDS: Final = 60.0
_SLACK_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 0.05
_INHERITED: Final = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR")


@dataclass
class Supervision:
    """The supervisor of one state directory.

    Attributes:
        state_dir: The directory.
        stop_seconds: How long an agent may take to stop before it is killed.
    """

    state_dir: Path
    stop_seconds: float

    def __post_init__(self) -> None:
        self.layout = Layout(self.state_dir)
        self.control = Control(self.layout, "supervisor of agents")

    # ------------------------------------------------------------------ what it knows

    @property
    def config_in_use(self) -> Path | None:
        """The testbed's configuration by which the agents were started last."""
        try:
            return Path(json.loads(self._noted.read_text())["config"])
        except FileNotFoundError:
            return None

    def states(self) -> dict[str, PartState]:
        """The state of each program, by name; empty where no supervisor runs."""
        try:
            return {each.name: each for each in self.control.states()}
        except StackDown:
            return {}

    @property
    def is_up(self) -> bool:
        """Whether the supervisor answers."""
        try:
            self.control.states()
        except StackDown:
            return False
        return True

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Keep other commands from changing the testbed meanwhile.

        Raises:
            TestbedBusy: Another one does so, and did not end in time.
            StateUnusable: The state directory cannot be used.
        """
        with self.layout.used():
            self._make_directories()
            lock = FileLock(self.state_dir / "testbed.lock", timeout=_LOCK_SECONDS)
        try:
            with lock:
                yield
        except Timeout:
            raise TestbedBusy(f"another command changes the testbed in {self.state_dir}") from None

    # ------------------------------------------------------------------ while `changing`

    def bring_up(
        self, parts: Sequence[Part], config: Path, *, untouched: Collection[str] = ()
    ) -> list[str]:
        """Have the supervisor run and know exactly these programs; none is started by this.

        Programs that it has no more are ended. Those that changed are ended too, to be started
        anew.

        Args:
            parts: The programs.
            config: The testbed's configuration that they are of.
            untouched: Names of programs that go on as they are.

        Returns:
            The names of the programs that ran, and were ended.

        Raises:
            SupervisorFailed: It does not start.
        """
        changed = {part.name for part in parts if self._is_changed(part)} - set(untouched)
        self._write(parts, config, untouched)
        if not self.is_up:
            self._start_supervisor()
            return []
        new, gone = self.control.reload()
        running = [name for name, state in self.states().items() if not state.is_ended]
        ended = [name for name in running if name in changed or name in gone]
        self.stop(ended)
        for name in gone:
            self.control.remove(name)
        for name in new:
            self.control.add(name)
        return ended

    def start(self, names: Iterable[str]) -> None:
        """Start programs that do not run; does not wait for them."""
        for name in names:
            self.control.start(name)

    def stop(self, names: Iterable[str]) -> None:
        """End programs; whoever takes too long is killed. Gives back when they have ended."""
        names = list(names)
        for name in names:
            self.control.stop(name)
        deadline = time.monotonic() + self.stop_seconds + _SLACK_SECONDS
        while any(not self.control.state(name).is_ended for name in names):
            if time.monotonic() > deadline:
                raise SupervisorFailed(f"{', '.join(names)} did not end")
            time.sleep(_POLL_SECONDS)

    def shut_down(self) -> None:
        """End all programs, and the supervisor itself."""
        self.stop(name for name, state in self.states().items() if not state.is_ended)
        self.control.shut_down()
        deadline = time.monotonic() + _ANSWER_SECONDS
        while self.layout.socket.exists() and self.is_up:
            if time.monotonic() > deadline:
                raise SupervisorFailed("the agents' supervisor did not end")
            time.sleep(_POLL_SECONDS)

    # ------------------------------------------------------------------ helpers

    @property
    def _noted(self) -> Path:
        return self.state_dir / "testbed.json"

    def _make_directories(self) -> None:
        self.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        for directory in (self.layout.specs, self.layout.logs, self.layout.socket.parent):
            if directory != self.state_dir:
                private_directory(directory)

    def _is_changed(self, part: Part) -> bool:
        try:
            known = json.loads(self.layout.spec(part.name).read_text())
        except (FileNotFoundError, ValueError):
            return True
        return bool(known != json.loads(json.dumps(asdict(self._spec(part)))))

    def _spec(self, part: Part) -> Spec:
        return part.spec(self.layout.supervisor_pid)

    def _write(self, parts: Sequence[Part], config: Path, untouched: Collection[str]) -> None:
        """Write what the supervisor, and each program at its start, reads."""
        for part in parts:
            if part.name not in untouched:
                self._spec(part).write(self.layout.spec(part.name))
        text = supervisor_config(self.layout, parts, is_daemon=True, start_retries=_START_RETRIES)
        self.layout.supervisor_config.write_text(text)
        self._noted.write_text(json.dumps({"config": os.fspath(config)}))

    def _start_supervisor(self) -> None:
        layout = self.layout
        layout.socket.unlink(missing_ok=True)
        layout.supervisor_pid.unlink(missing_ok=True)
        config = os.fspath(layout.supervisor_config)
        said = layout.logs / "supervisord.out"
        try:
            with said.open("wb") as output:
                ended = subprocess.run(
                    [sys.executable, "-P", "-m", "supervisor.supervisord", "-c", config],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env={name: os.environ[name] for name in _INHERITED if name in os.environ},
                    cwd=layout.state_dir,
                    timeout=_ANSWER_SECONDS,
                    check=False,
                )
        except subprocess.TimeoutExpired:
            text = f"the agents' supervisor does not start within {_ANSWER_SECONDS:.0f} s"
            raise SupervisorFailed(text) from None
        deadline = time.monotonic() + _ANSWER_SECONDS
        while ended.returncode == 0 and time.monotonic() < deadline:
            if self.is_up:
                return
            time.sleep(_POLL_SECONDS)
        words = said.read_text(errors="replace").strip() or f"see {layout.supervisor_log}"
        raise SupervisorFailed(f"the agents' supervisor does not start: {words}")
