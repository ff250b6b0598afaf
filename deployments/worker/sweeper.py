"""The sweeper: what a lost worker, run or state left open is brought to an honest end."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateName,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Crashed

from deployments.isolation import isolated, say_once
from deployments.worker import endings
from deployments.worker.deployment_parts import TAGS
from deployments.worker.registration import state_of
from deployments.worker.request_store import Ending, RequestStore, attempt_of
from deployments.worker.works import Work
from flows.common import actions
from flows.common.claims import Claim
from flows.common.database import now
from flows.common.leases import Overdue
from flows.common.models import Request, RequestState

_TAGS: Final = frozenset(TAGS)
_UNFINISHED: Final = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]

_log = structlog.get_logger("sweeper")


async def open_owed(store: RequestStore) -> None:
    """Open the requests that something waits for although none is open."""
    for request_id in await asyncio.to_thread(store.open_owed):
        _log.warning("opened a request that was owed", request=request_id)


async def end_orphans(
    client: PrefectClient,
    store: RequestStore,
    *,
    pool: str,
    ours: set[uuid.UUID],
    age_seconds: float,
    is_shared: bool = False,
) -> None:
    """End flow runs of the pool that stand unfinished although no request is held for them.

    Args:
        client: Prefect.
        store: The requests.
        pool: Name of the work pool.
        ours: Runs that are left: this worker has them in hand.
        age_seconds: How long they have stood so.
        is_shared: Whether others' deployments may be in the pool: their runs are left.
    """
    candidates = [
        run
        for run in await _unfinished(client, pool)
        if run.id not in ours
        and _is_older(run, age_seconds)
        and (not is_shared or not _TAGS.isdisjoint(run.tags))
    ]
    live = await asyncio.to_thread(store.live_flow_runs, [run.id for run in candidates])
    for run in candidates:
        if run.id not in live:
            with isolated("an orphaned run could not be ended", flow_run=run.id):
                await _end(client, run.id, run.state, "no worker runs it any more")


async def name_unknown_actions(store: RequestStore) -> None:
    """Say once for which actions requests wait that this version does not know."""
    for action in await asyncio.to_thread(store.unknown_actions):
        say_once(
            "warning", "no worker of this version knows an action that is requested", action=action
        )


class Silences:
    """Since when leases have been seen to be run out, without a break.

    A lease that ran out while the database was away says nothing of its owner. So an owner has a
    whole lease more, from the first look that finds its lease run out, in which every look of the
    sweeper has succeeded: in that time it could have renewed it.
    """

    def __init__(self, lease_seconds: float) -> None:
        self._lease = timedelta(seconds=lease_seconds)
        self._since: dict[Overdue, datetime] = {}
        self._looked_at: datetime | None = None

    def ripe(self, at: datetime, overdue: Sequence[Overdue]) -> list[Overdue]:
        """Note a look, at the database's time; gives those whose owner has surely missed it."""
        if self._looked_at is None or at - self._looked_at > self._lease:
            self.forget()  # nobody knows what was between the looks
        self._looked_at = at
        self._since = {each: self._since.get(each, at) for each in overdue}
        return [each for each, since in self._since.items() if at - since >= self._lease]

    def forget(self) -> None:
        """Begin anew: a look failed."""
        self._since, self._looked_at = {}, None


async def take_over(
    store: RequestStore, silences: Silences, excluding: Sequence[int]
) -> Sequence[Request]:
    """The requests whose owner is surely lost, held here from now on."""
    try:
        at, overdue = await asyncio.to_thread(store.overdue, excluding)
    except Exception:
        silences.forget()
        raise
    ripe = silences.ripe(at, overdue)
    return await asyncio.to_thread(store.take_over, ripe) if ripe else ()


async def recover_all(
    client: PrefectClient,
    store: RequestStore,
    requests: Sequence[Request],
    *,
    ended: Callable[[Work], None],
) -> None:
    """Recover each of them; one that cannot be keeps none of the others.

    Args:
        client: Prefect.
        store: The requests.
        requests: Those whose worker is lost.
        ended: Is told of each that was recovered, and had a run.
    """
    for request in requests:
        with isolated("a request could not be recovered", request=request.id):
            work = await recover(client, store, request)
            if work.claim.flow_run_id is not None:
                ended(work)


async def recover(client: PrefectClient, store: RequestStore, request: Request) -> Work:
    """Bring a request whose worker is lost to where its run's end leaves it; gives its attempt."""
    state = await state_of(client, request.flow_run_id)
    if state is not None and state.is_completed():
        ending = Ending(state=RequestState.COMPLETED)
    elif (foreseen := endings.of_foreseen(state)) is not None:
        ending = foreseen
    elif state is not None and state.is_failed():
        ending = Ending(state=RequestState.FAILED, error=state.message)
    elif state is not None and (state.is_cancelled() or state.is_cancelling()):
        await _end(client, request.flow_run_id, state, "cancelled")
        ending = Ending(state=RequestState.CANCELLED, error="cancelled")
    else:
        error = f"worker {request.worker} was lost while it held the request"
        await _end(client, request.flow_run_id, state, error)
        ending = Ending(state=None, error=error)
    claim = Claim(request.id, request.attempts, request.flow_run_id)
    became = await asyncio.to_thread(store.conclude, claim, ending)
    _log.warning("recovered a request", request=request.id, became=became, error=ending.error)
    return Work(claim, actions.get(request.action))


async def _end(
    client: PrefectClient, flow_run_id: uuid.UUID | None, state: State[Any] | None, reason: str
) -> None:
    if flow_run_id is None or state is None or state.is_final():
        return
    is_cancelled = state.is_cancelling() or state.is_scheduled()
    final: State[Any]
    final = Cancelled(message=reason) if is_cancelled else Crashed(message=reason)
    with suppress(ObjectNotFound):  # it was deleted meanwhile
        await client.set_flow_run_state(flow_run_id, final, force=True)


async def _unfinished(client: PrefectClient, pool: str) -> list[FlowRun]:
    in_pool = WorkPoolFilter(name=WorkPoolFilterName(any_=[pool]))
    running = FlowRunFilterState(type=FlowRunFilterStateType(any_=_UNFINISHED))
    retrying = FlowRunFilterState(name=FlowRunFilterStateName(any_=["AwaitingRetry"]))
    found: dict[uuid.UUID, FlowRun] = {}
    for wanted in (running, retrying):
        runs = await client.read_flow_runs(
            flow_run_filter=FlowRunFilter(state=wanted), work_pool_filter=in_pool
        )
        found |= {run.id: run for run in runs}
    return [run for run in found.values() if _is_ours(run)]


def _is_ours(run: FlowRun) -> bool:
    return run.deployment_id is not None or attempt_of(run.idempotency_key) is not None


def _is_older(run: FlowRun, seconds: float) -> bool:
    return run.state is not None and now() - run.state.timestamp > timedelta(seconds=seconds)
