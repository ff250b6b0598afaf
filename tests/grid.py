"""The sandbox's grid for tests: a real Rucio and real doors, one of each for the whole session."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil
import pytest

from deployments.sandbox.grid.grid import Grid
from deployments.sandbox.grid.programs import xrootd_program
from deployments.stack.ports import free_ports
from deployments.stack.stack import Stack
from flows.common.settings import settings
from tests.stacks import running_stack

GRID_PARTS = ("postgres", "rucio", "door", "door-open")
_campaigns = itertools.count(1)


@dataclass(frozen=True)
class RunningGrid(Grid):
    """A grid that runs, and hands on its processes."""

    stack: Stack

    def pid(self, part: str) -> int:
        return self.stack.pid(part)

    @contextmanager
    def stalled(self, part: str) -> Iterator[None]:
        """Let a part, with its children, stand still: it accepts connections and never answers."""
        process = psutil.Process(self.pid(part))
        whole = [process, *process.children(recursive=True)]
        for each in whole:
            each.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for each in reversed(whole):
                each.send_signal(signal.SIGCONT)

    @contextmanager
    def closed(self, part: str) -> Iterator[None]:
        """Let a part be down: its port refuses connections."""
        self.stack.stop_part(part)
        try:
            yield
        finally:
            self.stack.start_part(part)


@contextmanager
def rucio_away() -> Iterator[None]:
    """Let this process's settings name a Rucio whose port refuses connections."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PRODOPS_RUCIO_PRODUCED_URL", f"https://localhost:{free_ports(1)[0]}")
        settings.cache_clear()
        yield
    settings.cache_clear()


def require_grid() -> None:
    """Skip where XRootD's server is not installed, which CI does not permit."""
    if xrootd_program() is not None:
        return
    reason = "XRootD's server is not installed: deployments/system-packages.sh installs it"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def running_grid(**overrides: str) -> Iterator[RunningGrid]:
    """A grid of its own, for a test that breaks it, with these settings."""
    given = {"PRODOPS_SANDBOX_GRID": "true", **overrides}
    with running_stack(given, parts=GRID_PARTS) as stack:
        yield RunningGrid(stack.settings, stack)


@pytest.fixture(scope="session")
def grid() -> Iterator[RunningGrid]:
    """The session's grid; what a test does to it, it undoes."""
    require_grid()
    with running_grid() as running:
        yield running


@pytest.fixture
def campaign() -> str:
    """The name of a campaign that no other test of the session uses."""
    return f"99.{os.getpid() % 1000}.{next(_campaigns)}"
