"""Artifacts of ended runs: written at Prefect behind everything else, and never waited for.

An artifact is for people: where Prefect is away, or does not take it, it is a line in the log.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final

import structlog
from prefect.client.orchestration import PrefectClient

from deployments.isolation import outlived
from deployments.worker.request_store import RequestStore
from deployments.worker.works import Work
from flows.common.run_artifacts import artifacts_of

_MOST_WAITING: Final = 1000
_WRITE_SECONDS: Final = 10.0

_log = structlog.get_logger("worker")


@dataclass(frozen=True)
class RunArtifacts:
    """Writes what the ended runs of one worker leave.

    Attributes:
        address: Of the monitor, for links.
    """

    client: PrefectClient
    store: RequestStore
    address: str
    _waiting: asyncio.Queue[Work] = field(default_factory=lambda: asyncio.Queue(_MOST_WAITING))

    def note(self, work: Work) -> None:
        """Have the artifacts of an ended run written some time later."""
        try:
            self._waiting.put_nowait(work)
        except asyncio.QueueFull:
            request = work.claim.request_id
            _log.warning("a run gets no artifacts: too many wait for theirs", request=request)

    async def run(self) -> None:
        """Write them, one after the other, for ever."""
        while True:
            work = await self._waiting.get()
            with outlived("a run gets no artifacts"):
                async with asyncio.timeout(_WRITE_SECONDS):
                    await self._write(work)
            self._waiting.task_done()

    async def drain(self, seconds: float) -> None:
        """Wait until all are written, but no longer than that."""
        with outlived("runs get no artifacts"):
            async with asyncio.timeout(seconds):
                await self._waiting.join()

    async def _write(self, work: Work) -> None:
        request = await asyncio.to_thread(self.store.request, work.claim.request_id)
        run = work.claim.flow_run_id
        for each in artifacts_of(request, work.action, self.address, run):
            await self.client.request("POST", "/artifacts/", json=each.body())
