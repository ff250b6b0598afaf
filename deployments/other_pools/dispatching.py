"""Dispatching: requests of actions that another pool runs are handed over to it, and looked after.

What was handed over is held under the pool's name until the process of its run takes it. One
dispatcher of a pool suffices; several do no harm.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import structlog
from prefect.client.schemas.objects import FlowRun, State
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Crashed, Failed
from sqlalchemy import Engine

from deployments.isolation import isolated, say_once
from deployments.other_pools import choosing
from deployments.other_pools.taking import UNPREPARED
from deployments.worker import endings, sweeper
from deployments.worker.flow_runs import FlowRuns
from deployments.worker.request_store import Ending, RequestStore
from flows.common import actions, handovers
from flows.common.claims import Claim
from flows.common.database import now, transaction
from flows.common.models import Request, RequestState
from flows.common.settings import Settings

_MOST_AT_ONCE: Final = 50

_log = structlog.get_logger("worker")


def dispatchers(
    settings: Settings, engine: Engine, flow_runs: FlowRuns, elsewhere: Mapping[str, str]
) -> list[Dispatcher]:
    """One for each pool that runs some of the actions, by the pools of those."""
    return [
        Dispatcher(
            pool=pool,
            actions=names,
            store=RequestStore(engine, settings.worker, handovers.holder(pool)),
            flow_runs=flow_runs,
            start_seconds=settings.prefect.start_seconds,
        )
        for pool, names in choosing.by_pool(elsewhere).items()
    ]


@dataclass(frozen=True, kw_only=True)
class Dispatcher:
    """Hands over to one pool.

    Attributes:
        pool: Its name.
        actions: Those that it runs.
        store: Holds requests under the pool's name.
        start_seconds: How long a run may be Pending.
    """

    pool: str
    actions: frozenset[str]
    store: RequestStore
    flow_runs: FlowRuns
    start_seconds: float

    async def hand_over(self) -> int:
        """Hand over what waits, as the actions' ceilings allow; gives how many there were."""
        if not await self._is_open():
            return 0
        others = actions.all_actions().keys() - self.actions
        claimed = await asyncio.to_thread(self.store.claim, _MOST_AT_ONCE, None, closed=others)
        for request in claimed:
            with isolated("a request could not be handed over", request=request.id):
                await self._make_run(request)
        return len(claimed)

    async def renew(self) -> None:
        """Hold what waits for its process; Prefect, which may be slow, is not asked."""
        await asyncio.to_thread(self._renew)

    def _renew(self) -> tuple[Sequence[Request], list[int]]:
        """What waits for its process, held on; and the requests of it that are cancelled."""
        waiting = self._waiting()
        cancelled, _ = self.store.renew([_claim_of(each) for each in waiting])
        return waiting, cancelled

    async def look_after(self) -> None:
        """End what no process will take, and what one works on for too long."""
        waiting, cancelled = await asyncio.to_thread(self._renew)
        claims = [_claim_of(each) for each in waiting]
        runs = {run.id: run for run in await self._runs_of(waiting)}
        for request, claim in zip(waiting, claims, strict=True):
            with isolated("a request that was handed over is not looked after", request=request.id):
                if request.flow_run_id is None:
                    await self._make_run(request)  # its making was not answered
                    continue
                run = runs.get(request.flow_run_id)
                is_cancelled = request.id in cancelled
                if (end := self._end_of(run, is_cancelled=is_cancelled)) is not None:
                    await self._take_back(claim, *end)
        await self._end_overlong()

    async def end_orphans(self) -> None:
        """End our runs of the pool that stand unfinished although no request is held for them."""
        age_seconds = max(self.start_seconds, 2 * self.store.settings.lease_seconds)
        await sweeper.end_orphans(
            self.flow_runs.client,
            self.store,
            pool=self.pool,
            ours=set(),
            age_seconds=age_seconds,
            is_shared=True,
        )

    async def _is_open(self) -> bool:
        """Whether the pool is there, and takes runs; else what waits is left in the queue."""
        try:
            pool = await self.flow_runs.client.read_work_pool(self.pool)
        except ObjectNotFound:
            say_once("error", "a pool of PRODOPS_PREFECT_POOLS is not at Prefect", pool=self.pool)
            return False
        return not pool.is_paused

    async def _make_run(self, request: Request) -> None:
        """Make the flow run of a request that is held for the pool; Prefect's worker starts it."""
        claim = Claim(request.id, request.attempts)
        if (reason := endings.reason_against(request, actions.get(request.action))) is not None:
            await asyncio.to_thread(self.store.reject, claim, reason)
            return
        run = await self.flow_runs.create(request)
        noted = Claim(request.id, request.attempts, run.id)
        await asyncio.to_thread(self._note, noted)

    def _note(self, claim: Claim) -> None:
        """Note the run, unless its process was faster, and has."""
        with transaction(self.store.engine) as session:
            handovers.note_run(session, claim)

    def _waiting(self) -> Sequence[Request]:
        with transaction(self.store.engine) as session:
            return handovers.waiting(session, self.pool)

    async def _runs_of(self, waiting: Sequence[Request]) -> list[FlowRun]:
        ids = [each.flow_run_id for each in waiting if each.flow_run_id is not None]
        parts = [ids[at : at + _MOST_AT_ONCE] for at in range(0, len(ids), _MOST_AT_ONCE)]
        return [run for part in parts for run in await self.flow_runs.read(part)]

    def _end_of(
        self, run: FlowRun | None, *, is_cancelled: bool
    ) -> tuple[Ending, State[Any] | None] | None:
        """How a request ends that no process will take, and its run's final state, if it has none.

        Returns:
            None where a process may still take it.
        """
        state = run.state if run is not None else None
        if state is None:
            return _unbegun("its flow run was deleted"), None
        if state.is_final():
            return _of_final(state), None
        if is_cancelled or state.is_cancelling():
            ending = Ending(state=RequestState.CANCELLED, error="cancelled", is_unbegun=True)
            return ending, Cancelled(message="cancelled")
        age = now() - state.timestamp
        if not state.is_scheduled() and age > timedelta(seconds=self.start_seconds):
            text = f"no process of the pool {self.pool} took it in {self.start_seconds:g} s"
            return _unbegun(text), Crashed(message=text)
        return None

    async def _take_back(self, claim: Claim, ending: Ending, final: State[Any] | None) -> None:
        """End a request, unless its process has taken it by now."""
        if not await asyncio.to_thread(self._withdraw, claim):
            return
        if final is not None and claim.flow_run_id is not None:
            await self.flow_runs.force(claim.flow_run_id, final)
        became = await asyncio.to_thread(self.store.conclude, claim, ending)
        about = {"request": claim.request_id, "became": became, "error": ending.error}
        _log.warning("a request was not taken by the pool", pool=self.pool, **about)

    def _withdraw(self, claim: Claim) -> bool:
        with transaction(self.store.engine) as session:
            return handovers.withdraw(session, claim, worker=f"withdrawn from {self.pool}")

    async def _end_overlong(self) -> None:
        """End what a process has worked on for longer than it may, and does not end itself."""
        grace = 2 * self.store.settings.stop_grace_seconds + self.store.settings.lease_seconds
        for request in await asyncio.to_thread(self._running):
            limit = actions.get(request.action).timeout_seconds
            began = request.started_at
            if began is None or now() - began < timedelta(seconds=limit + grace):
                continue
            text = f"timed out after {limit:g} s"
            ending = Ending(state=None, error=text)
            await asyncio.to_thread(self.store.conclude, _claim_of(request), ending)
            if request.flow_run_id is not None:
                final: State[Any] = Failed(name="TimedOut", message=text)
                await self.flow_runs.force(request.flow_run_id, final)

    def _running(self) -> list[Request]:
        with transaction(self.store.engine) as session:
            return [each for each in handovers.running(session) if each.action in self.actions]


def _claim_of(request: Request) -> Claim:
    return Claim(request.id, request.attempts, request.flow_run_id)


def _unbegun(text: str) -> Ending:
    return Ending(state=None, error=text, is_unbegun=True)


def _of_final(state: State[Any]) -> Ending:
    """The end of a request whose run ended before its process took it."""
    why = state.message or f"its run ended as {state.name}"
    if state.is_cancelled():
        return Ending(state=RequestState.CANCELLED, error=why, is_unbegun=True)
    if state.name == UNPREPARED:  # it says what is missing; any other failure was an outage
        return Ending(state=RequestState.FAILED, error=why, is_unbegun=True)
    return _unbegun(why)
