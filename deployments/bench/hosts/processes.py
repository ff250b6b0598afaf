"""Processes of a bench, here or on one of its hosts: started, killed, and started again."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from deployments.bench.hosts.network import Host
from deployments.stack.logs import last_words

_END_SECONDS: Final = 60.0


@dataclass
class Process:
    """One process, which ends with the bench.

    Attributes:
        name: Its name, also of its log.
        argv: Its command.
        environment: Its whole environment.
        directory: Where it works and logs.
        host: Where it runs; None: on this machine.
    """

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str]
    directory: Path
    host: Host | None = None
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def log(self) -> Path:
        """What it wrote."""
        return self.directory / f"{self.name}.log"

    def start(self, *, host_name: str | None = None) -> None:
        """Start it; `host_name`: under another name of its host."""
        argv = ["setpriv", "--pdeathsig", "KILL", "--", *self.argv]
        if self.host is not None:
            argv = self.host.command(argv, host_name=host_name)
        self.directory.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                argv,
                env=dict(self.environment),
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is the bench's alone
            )

    @property
    def pid(self) -> int | None:
        """Its pid; None before its first start."""
        return None if self._process is None else self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """End it as `kill -9` does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(_END_SECONDS)

    def wait(self, seconds: float) -> int:
        """Wait until it ends by itself; gives its exit code.

        Raises:
            subprocess.TimeoutExpired: It does not, in that time.
        """
        assert self._process is not None  # noqa: S101 - it was started
        return self._process.wait(seconds)

    def last_words(self) -> str:
        """The last line that it wrote."""
        return last_words(self.log) or "it said nothing"


def end_all(processes: Iterable[Process]) -> None:
    """Ask all to end, and kill those that do not in time."""
    running = [each for each in processes if each.is_alive]
    for each in running:
        assert each._process is not None  # noqa: S101, SLF001 - this module's own
        os.kill(each._process.pid, signal.SIGTERM)  # noqa: SLF001
    for each in running:
        try:
            each.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            each.kill()
