"""Stopping: runs that are cancelled, given up, or handed back to other workers."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from prefect.client.schemas.objects import StateType

from deployments.isolation import isolated
from deployments.worker.closing import Closing
from deployments.worker.flow_runs import FlowRuns
from deployments.worker.guardian_client import GuardianClient
from deployments.worker.protocol import Intent
from deployments.worker.works import Work, Works
from flows.common import actions

_MOST_READ: Final = 200  # flow runs that Prefect gives at once


@dataclass(frozen=True, kw_only=True)
class Stopping:
    """Stops the runs of one worker. Each is asked for again and again until the run has ended."""

    works: Works
    guard: GuardianClient
    flow_runs: FlowRuns
    closing: Closing
    grace_seconds: float

    async def cancel(self, work: Work) -> None:
        """Stop a run that somebody cancelled; it may be just about to start."""
        work.is_cancelled = True
        self._stop(work, Intent.CANCEL)
        await self._end_parked(work)

    async def cancel_requests(self, ids: Collection[int]) -> None:
        """Stop the runs of requests that somebody cancelled."""
        for work in self.works.of_requests(ids):
            with isolated("a run could not be cancelled", request=work.claim.request_id):
                await self.cancel(work)

    async def look_for_cancelling(self) -> None:
        """Ask Prefect which of our runs are being cancelled, in case the event was missed."""
        works = self.works.by_run()
        if not works:
            return
        runs = await self.flow_runs.read(list(works))
        for run in runs:
            # A run that waits for a slot is cancelled by Prefect at once.
            is_gone = works[run.id].is_parked and run.state_type is StateType.CANCELLED
            if run.state_type is StateType.CANCELLING or is_gone:
                with isolated("a run could not be cancelled", flow_run=run.id):
                    await self.cancel(works[run.id])
        if len(works) <= _MOST_READ:
            for deleted in works.keys() - {run.id for run in runs}:
                with isolated("a deleted run could not be ended", flow_run=deleted):
                    await self._end_parked(works[deleted])  # no poll would bring it back

    async def drop(self, request_ids: Collection[int]) -> None:
        """Stop the runs of requests that another attempt has by now."""
        for work in self.works.of_requests(request_ids):
            self._stop(work, Intent.RESCHEDULE)

    async def hand_back(self, *, everything: bool) -> None:
        """Stop what may be run again by another worker, or everything.

        What is just being started sees that the worker drains, and does not start.
        """
        for work in self.works:
            if everything or work.action.on_lost is actions.OnLost.RERUN:
                work.is_handed_back = True
                self._stop(work, Intent.RESCHEDULE)
            with isolated("a run could not be handed back", request=work.claim.request_id):
                await self._end_parked(work)

    def _stop(self, work: Work, intent: Intent) -> None:
        self.guard.stop(work.run, intent, self.grace_seconds)

    async def _end_parked(self, work: Work) -> None:
        """End a run that waits for a slot, and its request; nothing where it does not."""
        if not work.is_parked:
            return
        work.is_parked = False
        try:
            await self.closing.end_unbegun(work)
        except BaseException:
            work.is_parked = True
            raise
        self.works.remove(work)
