"""Runs that Prefect's poll brings: scheduled, started in its UI, or parked until a slot is free."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Final

from prefect.client.schemas.objects import FlowRun, State
from prefect.states import Cancelled, Completed

from deployments.isolation import is_outage
from deployments.worker import endings
from deployments.worker.execution import Execution
from deployments.worker.flow_runs import FlowRuns
from deployments.worker.request_store import NoRoom, RequestStore, attempt_of
from deployments.worker.room import Room
from deployments.worker.works import Work, Works
from flows.common.claims import Claim

_OVER: Final = "this attempt at request {} is over; to do it again, run the deployment anew"


@dataclass(frozen=True, kw_only=True)
class PolledRuns:
    """Executes what the poll brings, each run under its request."""

    works: Works
    room: Room
    store: RequestStore
    flow_runs: FlowRuns
    execution: Execution

    async def take(self, flow_run: FlowRun) -> None:
        """Run it, in the slot that the poll has taken for it.

        Raises:
            NoRoom: It has to wait for a later poll.
        """
        work = self.works.of(flow_run)
        if work is None:
            work = await self._adopted(flow_run)
            if work is None:
                return
        elif not work.is_parked:
            return  # it is being started
        else:
            self.room.require(work.action)
        if not await self._is_admitted(work, flow_run):
            return  # it waits for a slot, or has ended meanwhile
        try:
            await self.execution.execute(work)
        finally:
            self.works.remove(work)

    async def _is_admitted(self, work: Work, flow_run: FlowRun) -> bool:
        """Whether Prefect lets it start; else it is parked, or ended where it never may."""
        work.is_parked = False
        state = None
        try:
            state = await self.flow_runs.propose_pending(flow_run)
            if state is None or state.is_final():
                await self._end_refused(work, flow_run, state)
                return False
        finally:
            work.is_parked = state is None or not state.is_pending()
        return not work.is_parked

    async def _end_refused(self, work: Work, flow_run: FlowRun, answer: State[Any] | None) -> None:
        """End a run that Prefect refuses; unless it is cancelled, its request gets another one.

        Args:
            work: The run.
            flow_run: Its record.
            answer: Its final state, where its deployment cancels what finds no slot; None where
                its deployment was deleted, or has a limit of 0.
        """
        refused = endings.of_refused_start(answer or await self.flow_runs.state(flow_run.id))
        await self.execution.closing.conclude(work, refused)
        self.works.remove(work)
        if answer is None:
            text = "Prefect does not let it start"
            await self.flow_runs.force(flow_run.id, Cancelled(message=text))

    async def _adopted(self, flow_run: FlowRun) -> Work | None:
        """A request for a run that was not triggered by one; None where it is not for us to run."""
        attempt = attempt_of(flow_run.idempotency_key)
        if attempt is not None:
            if await asyncio.to_thread(self.store.is_given_up, attempt):
                # A lost attempt's run, or one that ended and was retried in Prefect's UI.
                text = _OVER.format(attempt.request_id)
                await self.flow_runs.force(flow_run.id, Cancelled(message=text))
            return None  # or another worker has it
        try:
            return await self._new_work(flow_run)
        except NoRoom:
            raise
        except Exception as error:
            if is_outage(error):
                raise
            # Whatever is wrong with this run, Prefect would bring it again for ever.
            await self.flow_runs.force(flow_run.id, endings.of_unadopted(error))
            return None

    async def _new_work(self, flow_run: FlowRun) -> Work | None:
        """The run's own request, held here; None where the run joins another."""
        action = await self.flow_runs.action_of(flow_run)
        self.room.require(action)
        limits = self.room.limits
        with self.room.reserved_for_background(int(action.is_background)):
            request = await asyncio.to_thread(
                self.store.adopt,
                action,
                flow_run.parameters,
                flow_run.id,
                limits.ceiling,
                limits.shared,
            )
            if request is not None:
                claim = Claim(request.id, request.attempts, flow_run.id)
                work = Work(claim, action, flow_run)
                self.works.add(work)
                await self.flow_runs.label(flow_run, request)
                return work
        joined = await asyncio.to_thread(self.store.open_request, action, flow_run.parameters)
        text = f"joined request {joined}, which is open for the same thing"
        await self.flow_runs.force(flow_run.id, Completed(name="Joined", message=text))
        return None
