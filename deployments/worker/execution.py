"""Execution: a run in its own process, from its start to its end."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final

from blocks.errors import ProdOpsError
from deployments.worker.closing import Closing
from deployments.worker.guardian_client import GuardianClient
from deployments.worker.patience import patiently
from deployments.worker.protocol import Ended, Intent, Start
from deployments.worker.request_store import RequestStore
from deployments.worker.works import Work, Works
from flows.common import actions
from flows.common.models import RequestState

_STOP_AGAIN_SECONDS: Final = 1.0


@dataclass(frozen=True, kw_only=True)
class Execution:
    """Executes the runs of one worker.

    Attributes:
        watching: Has Prefect's cancelling of a run noticed while it is executed.
        ended: Is told of each run that has ended, as its request has.
    """

    works: Works
    store: RequestStore
    guard: GuardianClient
    closing: Closing
    grace_seconds: float
    watching: Callable[[uuid.UUID], AbstractContextManager[None]]
    ended: Callable[[Work], None]

    async def execute(self, work: Work) -> None:
        """Run the work's flow run in its own process, and bring its request to its end."""
        if work.flow_run is None:
            raise ProdOpsError("a run without its flow run")
        if work.is_cancelled or self.works.is_draining:
            await patiently(lambda: self.closing.end_unbegun(work))
            return
        with self.watching(work.flow_run.id):
            end = await self._run_noted(work, self._order(work))
            await self.closing.end_run(work, end)
        self.ended(work)

    def _order(self, work: Work) -> Start:
        assert work.flow_run is not None  # noqa: S101 - it was made before this
        return Start(
            run=work.run,
            flow_run=work.flow_run.model_dump(mode="json"),
            entrypoint=actions.entrypoints()[work.action.name],
            request_id=work.claim.request_id,
            attempt=work.claim.attempt,
            timeout_seconds=work.action.timeout_seconds,
            grace_seconds=self.grace_seconds,
            nice=work.action.nice,
        )

    async def _run_noted(self, work: Work, order: Start) -> Ended:
        """Run it and note meanwhile that it runs; where that cannot be, its process ends first.

        Else it would go on unseen, beside its successor.
        """
        running = asyncio.ensure_future(self.guard.run(order))
        try:
            await patiently(
                lambda: asyncio.to_thread(self.store.note, work.claim, RequestState.RUNNING)
            )
        except Exception:
            while not running.done():  # again and again: it may be just about to start
                self.guard.stop(work.run, Intent.RESCHEDULE, order.grace_seconds)
                await asyncio.wait([running], timeout=_STOP_AGAIN_SECONDS)
            raise
        return await running
