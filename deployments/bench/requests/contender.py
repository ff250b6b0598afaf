"""A version of prodops in the bench `burst`: its stack, and what a burst of triggers costs it."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import httpx
from sqlalchemy import Engine, make_url, text

from deployments.bench.common import usage
from deployments.bench.common.stack import BenchBroken, BenchStack, until
from deployments.bench.common.up import up
from deployments.bench.common.versions import python_of
from deployments.stack.control import Control
from deployments.stack.environment import Zone, api_url, environment_of
from deployments.stack.layout import Layout
from deployments.stack.temporary import remove_state, temporary_environment, temporary_settings
from flows.common.database import make_engine, transaction
from flows.common.models import OPEN

_PATIENCE_SECONDS: Final = 300.0
_CALM_SECONDS: Final = 2.0
_CALM_CORES: Final = 0.15
_OLD_SETTINGS: Final = (
    "PRODOPS_STATE_DIR",
    "PRODOPS_DATABASE_PORT",
    "PRODOPS_PREFECT_PORT",
    "PRODOPS_API_PORT",
    "PRODOPS_SANDBOX_PANDA_PORT",
)
_ENDS: Final = text("""
    SELECT min(created_at), max(finished_at), count(*) FILTER (WHERE state = 'completed')
    FROM request WHERE id = ANY(:ids)
""")
_NUMBER_OPEN: Final = text("SELECT count(*) FROM request WHERE state = ANY(:states)")


@dataclass(frozen=True)
class Burst:
    """What one burst took: seconds from the first acceptance to the last end, CPU by part."""

    runs: int
    seconds: float
    cpu: dict[str, float]

    @property
    def runs_per_min(self) -> float:
        """Runs that came to their end, in a minute."""
        return 60 * self.runs / self.seconds

    @property
    def cpu_s_per_run(self) -> float:
        """Processor seconds of all parts, for each run."""
        return sum(self.cpu.values()) / self.runs


@dataclass(frozen=True)
class Contender:
    """A running stack of one version."""

    name: str
    http: httpx.Client
    engine: Engine
    layout: Layout

    @classmethod
    def present(cls, running: BenchStack) -> Contender:
        """The version at hand, on the bench's own stack."""
        return cls("this version", running.http, running.engine, running.stack.layout)

    def burst(self, runs: int) -> Burst:
        """Trigger so many empty flows, one after the other, and wait until all have ended."""
        self._settle()
        before = self._cpu()
        ids = [self._trigger() for _ in range(runs)]
        until(self._is_done, _PATIENCE_SECONDS, f"{self.name}: all runs end")
        self._settle()
        used = usage.growth(before, self._cpu())
        return Burst(runs, self._seconds(ids), used)

    def _trigger(self) -> int:
        answer = self.http.post("/api/actions/check_pipeline/").raise_for_status()
        return int(answer.json()["request_id"])

    def _is_done(self) -> bool:
        with transaction(self.engine) as session:
            return not session.scalar(_NUMBER_OPEN, {"states": list(OPEN)})

    def _seconds(self, ids: list[int]) -> float:
        first: datetime
        last: datetime
        with transaction(self.engine) as session:
            first, last, completed = session.execute(_ENDS, {"ids": ids}).one()
        if completed != len(ids):
            raise BenchBroken(f"{self.name}: {completed} of {len(ids)} runs completed")
        return (last - first).total_seconds()

    def _settle(self) -> None:
        """Wait until the stack does next to nothing: what follows a run is part of its cost."""

        def is_calm() -> bool:
            began, before = time.monotonic(), sum(self._cpu().values())
            time.sleep(_CALM_SECONDS)
            used = sum(self._cpu().values()) - before
            return used / (time.monotonic() - began) < _CALM_CORES

        until(is_calm, _PATIENCE_SECONDS, f"{self.name}: the stack is calm")

    def _cpu(self) -> dict[str, float]:
        states = Control(self.layout).states()
        parts = {state.pid: state.name for state in states if state.pid is not None}
        root = int(self.layout.supervisor_pid.read_text())
        return usage.cpu_seconds(root, parts, "supervisord")


@contextmanager
def earlier(commit: str) -> Iterator[Contender]:
    """An earlier version, on a stack that its own `prodops up` runs.

    Raises:
        VersionUnavailable: Its code is not in the history here.
    """
    command = [os.fspath(python_of(commit)), "-m", "deployments.cli"]
    given = temporary_environment({})
    settings = temporary_settings(given)
    known = {name: given[name] for name in _OLD_SETTINGS}
    ops = environment_of(Zone.OPS, settings, given)
    try:
        with ExitStack() as opened:
            opened.enter_context(up(known, [*command, "up"]))
            engine = make_engine(
                make_url(ops["PRODOPS_DATABASE_URL"]),
                passfile=Path(ops["PRODOPS_DATABASE_PASSFILE"]),
                pool_size=2,
            )
            opened.callback(engine.dispose)
            http = httpx.Client(
                base_url=api_url(settings),
                headers={"Authorization": f"Token {_new_token(command, known)}"},
                timeout=30,
            )
            opened.enter_context(http)
            yield Contender(commit, http, engine, Layout(settings.stack.state_dir))
    finally:
        remove_state(settings)


def _new_token(command: Sequence[str], given: Mapping[str, str]) -> str:
    made = subprocess.run(
        [*command, "token", "create", "bench"],
        env={**os.environ, **given},
        cwd=given["PRODOPS_STATE_DIR"],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode != 0:
        raise BenchBroken(f"no token could be made: {made.stderr.strip()}")
    return made.stdout.split()[-1]
