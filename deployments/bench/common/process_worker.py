"""Prefect's own process worker on a bench's stack, which comes back when it was killed."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psutil

from deployments.stack.stack import Stack

_INHERITED: Final = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "TMPDIR")
_AGAIN_SECONDS: Final = 1.0
_END_SECONDS: Final = 20.0
_ENGINE: Final = "prefect.engine"


def command(pool: str) -> tuple[str, ...]:
    """What starts a process worker of that pool, which it makes."""
    start = ("worker", "start", "--type", "process", "--pool", pool, "--name", pool)
    return (sys.executable, "-m", "prefect", *start)


def environment(stack: Stack, directory: Path, *, poll_seconds: float) -> dict[str, str]:
    """The environment of a process worker: Prefect's address and password, and no more."""
    password_file = stack.environment("ops")["PRODOPS_PREFECT_PASSWORD_FILE"]
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return {
        **inherited,
        "PREFECT_API_URL": stack.prefect_url,
        "PREFECT_API_AUTH_STRING": Path(password_file).read_text().strip(),
        "PREFECT_HOME": os.fspath(directory / "prefect"),
        "PREFECT_WORKER_QUERY_SECONDS": str(poll_seconds),
        "DO_NOT_TRACK": "1",
    }


class ProcessWorker:
    """The worker, whichever process it is now."""

    def __init__(self, pool: str, directory: Path, given: Mapping[str, str]) -> None:
        self._pool = pool
        self._directory = directory
        self._environment = dict(given)
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> psutil.Process | None:
        """Its process; None while it is away."""
        present = self._process
        if present is None or present.poll() is not None:
            return None
        try:
            return psutil.Process(present.pid)
        except psutil.NoSuchProcess:
            return None

    def runs(self) -> list[psutil.Process]:
        """The processes of its runs, whether it still lives that started them or not."""
        return [each for each in psutil.process_iter() if self._is_run(each)]

    def serve(self) -> None:
        """Start it, again and again, until it is to stop."""
        with (self._directory / "log").open("ab") as log:
            while not self._stopping.is_set():
                self._process = subprocess.Popen(
                    command(self._pool),
                    env=self._environment,
                    cwd=self._directory,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )
                self._process.wait()
                self._stopping.wait(_AGAIN_SECONDS)

    def stop(self) -> None:
        """Have it end, and what it runs."""
        self._stopping.set()
        if (process := self.process) is not None:
            process.terminate()
            _, left = psutil.wait_procs([process], _END_SECONDS)
            for each in left:
                each.kill()
        for run in self.runs():
            run.kill()

    def _is_run(self, process: psutil.Process) -> bool:
        try:
            return _ENGINE in process.cmdline() and process.cwd() == os.fspath(self._directory)
        except psutil.Error:
            return False


@contextmanager
def process_worker(
    stack: Stack, pool: str, given: Mapping[str, str], *, poll_seconds: float
) -> Iterator[ProcessWorker]:
    """A process worker of the pool, kept alive; ended afterwards.

    Args:
        stack: Whose Prefect it serves.
        pool: Name of its pool, which it makes.
        given: What its runs get in their environment besides.
        poll_seconds: How often it asks Prefect for runs.
    """
    directory = stack.state_dir / pool
    directory.mkdir()
    known = environment(stack, directory, poll_seconds=poll_seconds)
    worker = ProcessWorker(pool, directory, {**known, **given})
    thread = threading.Thread(target=worker.serve, name=f"worker of {pool}", daemon=True)
    thread.start()
    try:
        yield worker
    finally:
        worker.stop()
        thread.join(_END_SECONDS)
