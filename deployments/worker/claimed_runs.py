"""Runs of requests that wait in the queue: claimed, admitted by Prefect, and executed at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass

import structlog
from anyio.abc import TaskGroup

from deployments.worker import endings
from deployments.worker.closing import Closing
from deployments.worker.execution import Execution
from deployments.worker.flow_runs import FlowRuns
from deployments.worker.patience import patiently
from deployments.worker.request_store import RequestStore
from deployments.worker.room import Room
from deployments.worker.works import Work, Works
from flows.common import actions
from flows.common.claims import Claim
from flows.common.models import Request, RequestState

_log = structlog.get_logger("worker")


@dataclass(frozen=True, kw_only=True)
class ClaimedRuns:
    """Serves the queue of requests.

    Attributes:
        freed: Called when a slot is free again: the database tells of the end before that.
        elsewhere: The actions that other pools run.
    """

    works: Works
    room: Room
    store: RequestStore
    flow_runs: FlowRuns
    execution: Execution
    closing: Closing
    tasks: TaskGroup
    freed: Callable[[], None]
    elsewhere: Collection[str] = ()

    async def serve(self) -> int:
        """Claim what waits, as far as there is room; gives how many were claimed."""
        if (free := self.room.free()) <= 0:
            return 0
        ceiling, ending = self.room.limits.ceiling, self.works.request_ids()
        share = self.room.free_for_background()
        # Taken before the claim, or the poll takes them while it is made; each goes to one request.
        with self.room.taken(free) as slots, self.room.reserved_for_background(share):
            claimed = await asyncio.to_thread(
                self.store.claim,
                free,
                ceiling,
                ending,
                background=share,
                closed={*self.room.limits.closed, *self.elsewhere},
                shared=self.room.limits.shared,
            )
            for request in claimed:
                action = actions.get(request.action)
                work = Work(Claim(request.id, request.attempts), action, slot=slots.pop())
                self.works.add(work)
                self.tasks.start_soon(self._serve_request, request, work)
        return len(claimed)

    async def _serve_request(self, request: Request, work: Work) -> None:
        try:
            await self._serve(request, work)
        except Exception:  # noqa: BLE001 - in the group of all runs, it would end the worker
            # Its lease runs out, and it is recovered; the other runs go on.
            _log.exception("the end of a request could not be written", request=request.id)
        finally:
            self.room.release(work.slot)
            if not work.is_parked:
                self.works.remove(work)
            self.freed()

    async def _serve(self, request: Request, work: Work) -> None:
        is_admitted = False
        try:
            if (reason := endings.reason_against(request, work.action)) is not None:
                await self.closing.reject(work, reason)
                return
            is_admitted = await patiently(lambda: self._admit(request, work))
            if is_admitted:
                await self.execution.execute(work)
        except Exception as error:  # noqa: BLE001 - whatever it is, the request gets an end
            _log.exception("a request could not be served", request=request.id)
            ending = endings.of_unserved(work, error, is_admitted=is_admitted)
            await self.closing.conclude(work, ending)

    async def _admit(self, request: Request, work: Work) -> bool:
        """Create the request's flow run, and have Prefect admit it; parked, it waits for a slot."""
        flow_run = await self.flow_runs.create(request, begins_here=True)
        work.flow_run = flow_run
        work.claim = Claim(request.id, request.attempts, flow_run.id)
        state = flow_run.state
        if state is None or not state.is_pending():  # else it was made so, now or by a lost answer
            state = await self.flow_runs.propose_pending(flow_run)
        if state is not None and state.is_pending():
            return True
        if state is not None and not state.is_final():
            await asyncio.to_thread(self.store.note, work.claim, RequestState.CLAIMED)
            work.is_parked = True  # the poll brings it back
            return False
        refused = endings.of_refused_start(state or await self.flow_runs.state(flow_run.id))
        await self.closing.conclude(work, refused)
        return False
