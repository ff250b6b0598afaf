"""Runs the unmodified prun as its own process: private directory, stdin closed, a time limit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from deployments.sandbox.panda import PandaSandbox
from tests.waiting import PATIENCE, wait_until

PRUN = Path(sys.prefix, "bin", "prun")
VO = "EIC.production"


@dataclass(frozen=True)
class PrunRun:
    """What a prun did; `returncode` is None when it had to be killed."""

    returncode: int | None
    output: str
    seconds: float

    @property
    def lines(self) -> list[str]:
        return [line.rstrip() for line in self.output.splitlines() if line.strip()]

    @property
    def last(self) -> str:
        return self.lines[-1] if self.lines else ""

    @property
    def is_submit_said(self) -> bool:
        """Whether the line is there that comes just before the submission."""
        return any(line.startswith("INFO : submit ") for line in self.lines)


def prun_environment(url: str, config_root: Path, home: Path) -> dict[str, str]:
    """All that prun needs, and nothing of the caller's own."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PANDA_SYS": sys.prefix,
        "PANDA_PYTHON_EXEC": sys.executable,
        "PANDA_PYTHONPATH": "",
        "PANDA_BEHIND_REAL_LB": "1",
        "PANDA_AUTH": "oidc",
        "PANDA_AUTH_VO": VO,
        "PANDA_URL": url,
        "PANDA_URL_SSL": url,
        "PANDACACHE_URL": url,
        "PANDA_CONFIG_ROOT": str(config_root),
    }


def arguments_of(name: str) -> list[str]:
    """A submission as PCS composes it: one job without input."""
    return [
        *("--exec", "./payload.sh", "--outDS", name, "--official", "--workingGroup", VO),
        *("--prodSourceLabel", "test", "--vo", "wlcg", "--nJobs", "1", "--noBuild"),
        *("--expertOnly_skipScout", "--outputs", "myout.txt"),
    ]


def run_prun(
    panda: PandaSandbox,
    name: str = "group.EIC.task",
    *,
    arguments: Sequence[str] | None = None,
    timeout_seconds: float = PATIENCE,
    has_begun: Callable[[], object] = lambda: True,
    url: str | None = None,
    without: Sequence[str] = (),
    **environment: str,
) -> PrunRun:
    """Run prun against the sandbox's PanDA, by default to submit the task `name`.

    Args:
        arguments: The whole argument vector instead.
        timeout_seconds: So long after `has_begun` the process group is killed.
        has_begun: What is waited for at first.
        url: Another address than the sandbox's.
        without: Names of the environment to leave out.
        environment: Names of the environment to add or change.
    """
    with tempfile.TemporaryDirectory(prefix="prun-") as home:
        place = Path(home, "sandbox")
        place.mkdir()
        # the server knows a sandbox that it has seen, and is then not sent it again
        (place / "payload.sh").write_text(f"echo {uuid.uuid4()}\n")
        values = prun_environment(url or panda.url, panda.config_root, Path(home)) | environment
        for left_out in without:
            del values[left_out]
        vector = [str(PRUN), *(arguments if arguments is not None else arguments_of(name))]
        return _run(vector, place, values, timeout_seconds, has_begun)


def _run(
    vector: list[str],
    place: Path,
    environment: dict[str, str],
    timeout_seconds: float,
    has_begun: Callable[[], object],
) -> PrunRun:
    started = time.monotonic()
    with subprocess.Popen(
        vector,
        cwd=place,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        returncode: int | None
        try:
            wait_until(has_begun)
            output, _ = process.communicate(timeout=timeout_seconds)
            returncode = process.returncode
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
            returncode = None
    return PrunRun(returncode, output, time.monotonic() - started)
