"""Artifacts of ended runs: written at Prefect behind everything else, and never waited for.

An artifact is for people: where Prefect is away, or does not take it, it is a line in the log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import structlog
from prefect.client.orchestration import PrefectClient

from deployments.isolation import outlived
from deployments.worker.request_store import RequestStore
from deployments.worker.works import Work
from flows.common.models import Request
from flows.common.run_artifacts import artifacts_of

_MOST_WAITING: Final = 1000
_WRITE_SECONDS: Final = 10.0
_GATHER_SECONDS: Final = 0.5
_MOST_TOGETHER: Final = 50

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
        """Write them, one after the other, for ever; those of a burst are read together."""
        while True:
            works = [await self._waiting.get()]
            await asyncio.sleep(_GATHER_SECONDS)
            while len(works) < _MOST_TOGETHER and not self._waiting.empty():
                works.append(self._waiting.get_nowait())
            found: dict[int, Request] = {}
            with outlived("runs get no artifacts"):
                ids = [work.claim.request_id for work in works]
                async with asyncio.timeout(_WRITE_SECONDS):
                    found = await asyncio.to_thread(self.store.requests, ids)
            for work in works:
                with outlived("a run gets no artifacts"):
                    async with asyncio.timeout(_WRITE_SECONDS):
                        await self._write(work, found)
                self._waiting.task_done()

    async def drain(self, seconds: float) -> None:
        """Wait until all are written, but no longer than that."""
        with outlived("runs get no artifacts"):
            async with asyncio.timeout(seconds):
                await self._waiting.join()

    async def _write(self, work: Work, found: Mapping[int, Request]) -> None:
        if (request := found.get(work.claim.request_id)) is None:
            return
        run = work.claim.flow_run_id
        for each in artifacts_of(request, work.action, self.address, run):
            await self.client.request("POST", "/artifacts/", json=each.body())
