"""Prefect's own process worker, to compare with: default launcher, polling every 0.2 s."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from deployments.bench.common.process_worker import command, environment
from deployments.bench.common.stack import BenchBroken, until
from deployments.stack.stack import Stack

_POOL: Final = "stock"
_POLL_SECONDS: Final = 0.2
_ENTRYPOINT: Final = "deployments.bench.requests.empty_flow:note_start"
_START_SECONDS: Final = 90.0
_END_SECONDS: Final = 20.0


@dataclass
class StockWorker:
    """A stock worker on the stack's Prefect server, and a deployment of an empty flow for it.

    Between two measurements it is suspended: its polling would burden what it is compared with.
    """

    _server: httpx.Client
    _directory: Path
    _process: subprocess.Popen[bytes]
    _deployment: str = ""
    _number: int = 0

    @classmethod
    @contextmanager
    def started(cls, stack: Stack) -> Iterator[StockWorker]:
        """A stock worker that has made its pool; ended afterwards."""
        given = stack.environment("ops")
        password = Path(given["PRODOPS_PREFECT_PASSWORD_FILE"]).read_text().strip()
        user, _, secret = password.partition(":")
        directory = stack.state_dir / "stock"
        directory.mkdir()
        with (
            httpx.Client(base_url=stack.prefect_url, auth=(user, secret), timeout=30) as server,
            (directory / "log").open("wb") as log,
            subprocess.Popen(
                command(_POOL),
                env=environment(stack, directory, poll_seconds=_POLL_SECONDS),
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            ) as process,
        ):
            worker = cls(server, directory, process)
            try:
                until(worker._has_pool, _START_SECONDS, "the stock worker makes its pool")
                worker._deploy()
                worker._suspend()
                yield worker
            finally:
                worker._end()

    def trigger_to_start(self) -> float:
        """Seconds from the flow run's creation to the first line of its flow."""
        self._process.send_signal(signal.SIGCONT)
        time.sleep(1.0)
        self._number += 1
        file = self._directory / f"start-{self._number}"
        self._post(
            f"/deployments/{self._deployment}/create_flow_run",
            {"parameters": {"file": os.fspath(file)}, "state": {"type": "SCHEDULED"}},
        )
        created = time.time()
        until(lambda: file.exists() and bool(file.read_text()), 60, "the stock flow starts")
        time.sleep(1.5)  # the run ends, and is reported
        self._suspend()
        return float(file.read_text()) - created

    def _has_pool(self) -> bool:
        if self._process.poll() is not None:
            raise BenchBroken(f"the stock worker ended; see {self._directory / 'log'}")
        return self._server.get(f"/work_pools/{_POOL}").is_success

    def _deploy(self) -> None:
        flow = self._post("/flows/", {"name": "bench-empty"})
        described = {"entrypoint": _ENTRYPOINT, "work_pool_name": _POOL, "pull_steps": None}
        made = self._post("/deployments/", {"name": _POOL, "flow_id": flow["id"], **described})
        self._deployment = made["id"]

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self._server.post(path, json=body).raise_for_status().json()
        return answer

    def _suspend(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def _end(self) -> None:
        self._process.send_signal(signal.SIGCONT)
        self._process.terminate()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
