"""Closing: the ends of runs and of their requests are written down, through any outage."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from deployments.worker import endings
from deployments.worker.flow_runs import FlowRuns
from deployments.worker.patience import patiently
from deployments.worker.protocol import Ended
from deployments.worker.request_store import Ending, RequestStore
from deployments.worker.works import Work
from flows.common.models import RequestState


@dataclass(frozen=True)
class Closing:
    """Writes ends down: at Prefect first, then in the request."""

    store: RequestStore
    flow_runs: FlowRuns

    async def end_run(self, work: Work, end: Ended) -> None:
        """End a run whose process has ended, and its request."""
        await self.conclude(work, await patiently(lambda: self._ended(work, end)))

    async def end_unbegun(self, work: Work) -> None:
        """End a run that has not begun: it was cancelled, or goes back into the queue."""
        state = await self.flow_runs.state(work.flow_run.id) if work.flow_run else None
        ending, final = endings.of_unbegun(work, state)
        if work.flow_run is not None and final is not None:
            await self.flow_runs.force(work.flow_run.id, final)
        await self.conclude(work, ending)

    async def conclude(self, work: Work, ending: Ending) -> None:
        """Write the end of the request down, however long the database takes to come back."""
        await patiently(lambda: asyncio.to_thread(self.store.conclude, work.claim, ending))

    async def reject(self, work: Work, reason: str) -> None:
        """End a request that no run could be made of."""
        await patiently(lambda: asyncio.to_thread(self.store.reject, work.claim, reason))

    async def _ended(self, work: Work, end: Ended) -> Ending:
        """The end of the request; its run has a final state by then."""
        assert work.flow_run is not None  # noqa: S101 - it was made before this
        if end.is_completed:
            return Ending(state=RequestState.COMPLETED)
        state = await self.flow_runs.state(work.flow_run.id)
        ending, final = endings.of_run(work, end, state)
        if final is not None:
            await self.flow_runs.force(work.flow_run.id, final)
        return ending
