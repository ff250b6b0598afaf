"""The warm worker: requests and Prefect's own runs, each in a fresh process that is warm."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import anyio
import httpx
import structlog
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun, State, StateType, WorkPool, WorkQueue
from prefect.exceptions import Abort, ObjectNotFound
from prefect.states import Cancelled, Completed, Crashed, Failed, Pending
from prefect.utilities.engine import propose_state
from prefect.workers.base import (
    BaseJobConfiguration,
    BaseVariables,
    BaseWorker,
    BaseWorkerResult,
)
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_delay,
    wait_fixed,
)

from blocks.errors import Invalid, ProdOpsError
from deployments.isolation import is_outage, isolated
from deployments.worker.guardian_client import GuardianClient
from deployments.worker.protocol import Ended, EndReason, Intent, Start
from deployments.worker.registration import (
    WORKER_TYPE,
    missing_actions,
    register_deployment,
    register_pool,
    state_of,
)
from deployments.worker.request_store import (
    Ending,
    NoRoom,
    RequestStore,
    attempt_of,
    idempotency_key,
)
from flows.common import actions
from flows.common.actions import Action
from flows.common.claims import Claim
from flows.common.models import Request, RequestState
from flows.common.settings import WorkerSettings

_SNAPSHOT_SECONDS: Final = 5.0
_ASK_AGAIN_SECONDS: Final = 1.0
_OUTAGE_SECONDS: Final = 300.0
_MOST_READ: Final = 200  # flow runs that Prefect gives at once

_T = TypeVar("_T")

_log = structlog.get_logger("worker")


@dataclass
class _Work:
    """A run that this worker has."""

    claim: Claim
    action: Action
    flow_run: FlowRun | None = None
    slot: object = None
    is_parked: bool = False
    is_cancelled: bool = False
    is_handed_back: bool = False

    @property
    def run(self) -> str:
        return str(self.flow_run.id) if self.flow_run else ""


class PoolWorker(BaseWorker[BaseJobConfiguration, BaseVariables, BaseWorkerResult]):
    """Runs requests and scheduled runs of one pool, through one limit."""

    type = WORKER_TYPE
    job_configuration = BaseJobConfiguration
    job_configuration_variables = BaseVariables
    _description = "Runs flow runs in fresh, warm processes of the production user."
    _display_name = "prodops"

    store: RequestStore
    guard: GuardianClient
    configured: WorkerSettings

    def equip(self, store: RequestStore, guard: GuardianClient, configured: WorkerSettings) -> None:
        """Give the worker its store and its guardian, before it starts."""
        self.store = store
        self.guard = guard
        self.configured = configured
        self.is_draining = False
        self._works: dict[int, _Work] = {}
        self._deployments: dict[str, uuid.UUID] = {}
        self._registering = asyncio.Lock()
        self._snapshot_at = 0.0
        self._queue: WorkQueue | None = None
        self._reserved = 0  # runs of background actions that are being claimed or adopted just now

    @property
    def works(self) -> list[_Work]:
        """The runs that this worker has, and the requests that wait for a slot."""
        return list(self._works.values())

    async def run(
        self,
        flow_run: FlowRun,
        configuration: BaseJobConfiguration,
        task_status: anyio.abc.TaskStatus[int] | None = None,
    ) -> BaseWorkerResult:
        """Not the way in: a run needs its request (see `_submit_run`)."""
        raise NotImplementedError("prodops runs are started with their request")

    # -------------------------------------------------------------- triggered runs

    async def serve_queue(self) -> int:
        """Claim what waits, as far as there is room; gives how many were claimed."""
        if self.is_draining or not self.is_setup:
            return 0
        await self._look_at_pool()
        free = self._room()
        if free <= 0:
            return 0
        # Taken before the claim, or the poll takes them while it is made; each goes to one request.
        slots = [object() for _ in range(free)]
        for slot in slots:
            self.limiter.acquire_on_behalf_of_nowait(slot)
        try:
            ending = list(self._works)
            with self._background(self._background_room()) as background:
                claimed = await asyncio.to_thread(
                    self.store.claim, free, self._ceiling(), ending, background=background
                )
                for request in claimed:
                    action = actions.get(request.action)
                    work = _Work(Claim(request.id, request.attempts), action, slot=slots.pop())
                    self._works[request.id] = work
                    self._tasks().start_soon(self._serve_request, request, work)
        finally:
            for slot in slots:
                self.limiter.release_on_behalf_of(slot)
        return len(claimed)

    async def _serve_request(self, request: Request, work: _Work) -> None:
        try:
            await self._serve(request, work)
        except Exception:  # noqa: BLE001 - in the group of all runs, it would end the worker
            # Its lease runs out, and it is recovered; the other runs go on.
            _log.exception("the end of a request could not be written", request=request.id)
        finally:
            self.limiter.release_on_behalf_of(work.slot)
            if not work.is_parked:
                self._works.pop(request.id, None)

    async def _serve(self, request: Request, work: _Work) -> None:
        is_admitted = False
        try:
            if (reason := _reason_against(request, work.action)) is not None:
                await self._reject(work, reason)
                return
            is_admitted = await self._patiently(lambda: self._admit(request, work))
            if is_admitted:
                await self._execute(work)
        except Exception as error:  # noqa: BLE001 - whatever it is, the request gets an end
            _log.exception("a request could not be served", request=request.id)
            await self._conclude(work, _unserved(work, error, is_admitted=is_admitted))

    async def _admit(self, request: Request, work: _Work) -> bool:
        """Create the request's flow run, and have Prefect admit it; parked, it waits for a slot."""
        flow_run = await self._create_run(request)
        work.flow_run = flow_run
        work.claim = Claim(request.id, request.attempts, flow_run.id)
        state = await self._propose_pending(flow_run)
        if state is not None and state.is_pending():
            return True
        if state is not None:
            await asyncio.to_thread(self.store.note, work.claim, RequestState.CLAIMED)
            work.is_parked = True  # the poll brings it back
            return False
        state = await state_of(self.client, flow_run.id)
        is_cancelled = state is not None and state.is_cancelled()
        became = RequestState.CANCELLED if is_cancelled else None
        await self._conclude(work, Ending(state=became, error="Prefect does not let its run start"))
        return False

    async def _create_run(self, request: Request) -> FlowRun:
        for is_second_try in (False, True):
            try:
                return await self.client.create_flow_run_from_deployment(
                    await self._deployment(request.action),
                    parameters=request.parameters,
                    idempotency_key=idempotency_key(request),
                    name=f"{request.action}-{request.id}-{request.attempts}",
                )
            except (ObjectNotFound, httpx.HTTPStatusError) as error:
                if is_second_try or not _is_missing(error):
                    raise
                self._deployments.clear()
        raise AssertionError("unreachable")

    async def _deployment(self, action: str) -> uuid.UUID:
        """The id of the action's deployment, registered again where it was deleted."""
        if action not in self._deployments:
            async with self._registering:
                if action not in self._deployments:
                    found = await self._find_or_register(actions.get(action))
                    self._deployments[action] = found
        return self._deployments[action]

    async def _find_or_register(self, action: Action) -> uuid.UUID:
        with suppress(ObjectNotFound):
            name = f"{action.flow_name}/{action.name}"
            found = await self.client.read_deployment_by_name(name)
            if found.work_pool_name == self._work_pool_name:  # else its pool was deleted
                return found.id
        await register_pool(self.client, self._work_pool_name)
        _log.warning("registers again what is missing at Prefect", deployment=action.name)
        return await register_deployment(self.client, self._work_pool_name, action)

    async def keep_registered(self) -> None:
        """Register again what was deleted: a deployment, the pool, or all that Prefect had.

        One after the other: what somebody waits for comes between, and waits for one at most.
        """
        await self._keep_pool()
        missing = await missing_actions(self.client, self._work_pool_name)
        for action in missing:
            self._deployments.pop(action.name, None)
        for action in missing:
            await self._deployment(action.name)

    async def _keep_pool(self) -> WorkPool:
        async with self._registering:
            return await register_pool(self.client, self._work_pool_name)

    async def _propose_pending(self, flow_run: FlowRun) -> State[Any] | None:
        """The state that Prefect answers; None where another worker has the run."""
        try:
            return await propose_state(self.client, Pending(), flow_run_id=flow_run.id)
        except Abort:
            return None

    # -------------------------------------------------------------- scheduled and UI-started runs

    async def _submit_run(self, flow_run: FlowRun) -> None:
        """Run what Prefect's poll brings, under its request (overrides the base worker's)."""
        try:
            if not self.is_draining:
                await self._take_polled(flow_run)
        except NoRoom:
            return  # the next poll brings the run again
        except Exception:  # noqa: BLE001 - the next poll brings the run again
            _log.exception("a scheduled run could not be taken", flow_run=str(flow_run.id))
        finally:
            self._release_limit_slot(flow_run.id)
            self._submitting_flow_run_ids.discard(flow_run.id)

    async def _take_polled(self, flow_run: FlowRun) -> None:
        work = self._work_of(flow_run)
        if work is None:
            work = await self._adopt(flow_run)
            if work is None:
                return
        elif not work.is_parked:
            return  # it is being started
        else:
            self._require_room(work.action)
        work.is_parked = False
        state = None
        try:
            state = await self._propose_pending(flow_run)
        finally:
            work.is_parked = state is None or not state.is_pending()
        if work.is_parked:
            return  # it waits for a slot, or has ended meanwhile
        try:
            await self._execute(work)
        finally:
            self._works.pop(work.claim.request_id, None)

    def _work_of(self, flow_run: FlowRun) -> _Work | None:
        attempt = attempt_of(flow_run.idempotency_key)
        for work in self.works:
            if work.flow_run is not None and work.flow_run.id == flow_run.id:
                return work
            held = (work.claim.request_id, work.claim.attempt)
            if attempt is not None and held == (attempt.request_id, attempt.attempt):
                return work
        return None

    async def _adopt(self, flow_run: FlowRun) -> _Work | None:
        """A request for a run that was not triggered by one; None where it is not for us to run."""
        attempt = attempt_of(flow_run.idempotency_key)
        if attempt is not None:
            if await asyncio.to_thread(self.store.is_given_up, attempt):
                await self._force(flow_run.id, Cancelled(message="this attempt was given up"))
            return None  # or another worker has it
        try:
            return await self._new_work(flow_run)
        except NoRoom:
            raise
        except Exception as error:
            if is_outage(error):
                raise
            # Whatever is wrong with this run, Prefect would bring it again for ever.
            name = "" if isinstance(error, ProdOpsError) else f"{type(error).__name__}: "
            await self._force(flow_run.id, Failed(message=f"{name}{error}"))
            return None

    async def _new_work(self, flow_run: FlowRun) -> _Work | None:
        """The run's own request, held here; None where the run joins another."""
        action = await self._action_of(flow_run)
        self._require_room(action)
        with self._background(int(action.is_background)):
            request = await asyncio.to_thread(
                self.store.adopt, action, flow_run.parameters, flow_run.id, self._ceiling()
            )
            if request is not None:
                claim = Claim(request.id, request.attempts, flow_run.id)
                work = self._works[request.id] = _Work(claim, action, flow_run)
                return work
        joined = await asyncio.to_thread(self.store.open_request, action, flow_run.parameters)
        text = f"joined request {joined}, which is open for the same thing"
        await self._force(flow_run.id, Completed(message=text))
        return None

    async def _action_of(self, flow_run: FlowRun) -> Action:
        if flow_run.deployment_id is None:
            raise ProdOpsError("the run has no deployment, so it belongs to no action")
        deployment = await self.client.read_deployment(flow_run.deployment_id)
        return actions.get(deployment.name)

    # -------------------------------------------------------------- running

    async def _execute(self, work: _Work) -> None:
        """Run the work's flow run in its own process, and bring its request to its end."""
        flow_run = work.flow_run
        if flow_run is None:
            raise ProdOpsError("a run without its flow run")
        if work.is_cancelled or self.is_draining:
            await self._patiently(lambda: self._end_unbegun(work))
            return
        if self._cancelling_observer is not None:
            self._cancelling_observer.add_in_flight_flow_run_id(flow_run.id)
        try:
            order = Start(
                run=work.run,
                flow_run=flow_run.model_dump(mode="json"),
                entrypoint=actions.entrypoints()[work.action.name],
                request_id=work.claim.request_id,
                attempt=work.claim.attempt,
                timeout_seconds=work.action.timeout_seconds,
                grace_seconds=self.configured.stop_grace_seconds,
            )
            end = await self._run_noted(work, order)
            await self._conclude(work, await self._patiently(lambda: self._ending(work, end)))
        finally:
            if self._cancelling_observer is not None:
                self._cancelling_observer.remove_in_flight_flow_run_id(flow_run.id)

    async def _run_noted(self, work: _Work, order: Start) -> Ended:
        """Run it and note meanwhile that it runs; where that cannot be, its process ends first.

        Else it would go on unseen, beside its successor.
        """
        running = asyncio.ensure_future(self.guard.run(order))
        try:
            await self._patiently(
                lambda: asyncio.to_thread(self.store.note, work.claim, RequestState.RUNNING)
            )
        except Exception:
            while not running.done():  # again and again: it may be just about to start
                self.guard.stop(work.run, Intent.RESCHEDULE, order.grace_seconds)
                await asyncio.wait([running], timeout=_ASK_AGAIN_SECONDS)
            raise
        return await running

    async def _ending(self, work: _Work, end: Ended) -> Ending:
        """How the run ended: Prefect's word, made final where its process left it open."""
        assert work.flow_run is not None  # noqa: S101
        state = await state_of(self.client, work.flow_run.id)
        if state is not None and state.is_completed():
            return Ending(state=RequestState.COMPLETED)
        if work.is_cancelled or (state is not None and state.is_cancelling()):
            await self._force(work.flow_run.id, Cancelled(message="cancelled"), unless=state)
            return Ending(state=RequestState.CANCELLED, error="cancelled")
        if end.reason is EndReason.TIMED_OUT:
            text = f"timed out after {work.action.timeout_seconds:g} s"
            await self._force(work.flow_run.id, Failed(name="TimedOut", message=text))
            return Ending(state=None, error=text)
        if work.is_handed_back:
            text = "handed back by a worker that stopped"
            await self._force(work.flow_run.id, Cancelled(message=text), unless=state)
            return Ending(state=None, error=text, is_handed_back=True)
        return await self._unhappy_ending(work.flow_run.id, state, end)

    async def _unhappy_ending(
        self, flow_run_id: uuid.UUID, state: State[Any] | None, end: Ended
    ) -> Ending:
        if state is not None and state.is_failed():
            return Ending(state=RequestState.FAILED, error=state.message or "the flow failed")
        if state is not None and state.is_cancelled():
            return Ending(state=RequestState.CANCELLED, error=state.message or "cancelled")
        if state is not None and state.is_crashed():
            return Ending(state=None, error=state.message or "the run crashed")
        was = state.name if state is not None else "deleted"
        text = f"the run's process ended ({end.exit_code}) in state {was}"
        if state is not None and state.is_paused():
            text = "suspending is refused: a resumed run would come back outside its request"
        await self._force(flow_run_id, Crashed(message=text))
        return Ending(state=None, error=text)

    async def _reject(self, work: _Work, reason: str) -> None:
        await self._patiently(lambda: asyncio.to_thread(self.store.reject, work.claim, reason))

    async def _conclude(self, work: _Work, ending: Ending) -> None:
        """Write the end down, however long the database takes to come back."""
        await self._patiently(lambda: asyncio.to_thread(self.store.conclude, work.claim, ending))

    async def _patiently(self, work: Callable[[], Awaitable[_T]]) -> _T:
        """Do `work`, waiting out an outage of Prefect or the database."""
        patient = AsyncRetrying(
            retry=retry_if_exception(is_outage),
            wait=wait_fixed(_ASK_AGAIN_SECONDS),
            stop=stop_after_delay(_OUTAGE_SECONDS),
            before_sleep=_log_outage,
            reraise=True,
        )

        # A coroutine function: tenacity does not await what a plain callable returns.
        async def attempt() -> _T:
            return await work()

        return await patient(attempt)

    # -------------------------------------------------------------- stopping

    async def _cancel_run(self, flow_run_id: uuid.UUID) -> None:
        """Stop a run whose state is Cancelling (overrides the base worker's)."""
        for work in self.works:
            if work.flow_run is not None and work.flow_run.id == flow_run_id:
                await self._cancel(work)

    async def cancel_requests(self, ids: list[int]) -> None:
        """Stop the runs of requests that somebody cancelled."""
        for work in self.works:
            if work.claim.request_id in ids:
                with isolated("a run could not be cancelled", request=work.claim.request_id):
                    await self._cancel(work)

    async def _cancel(self, work: _Work) -> None:
        # Asked for again and again until the run has ended: it may be just about to start.
        work.is_cancelled = True
        self.guard.stop(work.run, Intent.CANCEL, self.configured.stop_grace_seconds)
        await self._end_parked(work)

    async def look_for_cancelling(self) -> None:
        """Ask Prefect which of our runs are being cancelled, in case the event was missed."""
        works = {work.flow_run.id: work for work in self.works if work.flow_run}
        if not works:
            return
        runs = await self.client.read_flow_runs(
            flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=list(works)))
        )
        for run in runs:
            # A run that waits for a slot is cancelled by Prefect at once.
            is_gone = works[run.id].is_parked and run.state_type is StateType.CANCELLED
            if run.state_type is StateType.CANCELLING or is_gone:
                await self._cancel(works[run.id])
        if len(works) <= _MOST_READ:
            for deleted in works.keys() - {run.id for run in runs}:
                await self._end_parked(works[deleted])  # no poll would bring it back

    async def drop(self, request_ids: list[int]) -> None:
        """Stop the runs of requests that another attempt has by now."""
        for work in self.works:
            if work.claim.request_id in request_ids:
                self.guard.stop(work.run, Intent.RESCHEDULE, self.configured.stop_grace_seconds)

    async def hand_back(self, *, everything: bool) -> None:
        """Stop what may be run again by another worker, or everything; to be asked for repeatedly.

        What is just being started sees that the worker drains, and does not start.
        """
        for work in self.works:
            if everything or work.action.on_lost is actions.OnLost.RERUN:
                work.is_handed_back = True
                grace = self.configured.stop_grace_seconds
                self.guard.stop(work.run, Intent.RESCHEDULE, grace)
            await self._end_parked(work)

    async def _end_parked(self, work: _Work) -> None:
        """End a run that waits for a slot, and its request; nothing where it does not."""
        if not work.is_parked:
            return
        work.is_parked = False
        try:
            await self._end_unbegun(work)
        except BaseException:
            work.is_parked = True
            raise
        self._works.pop(work.claim.request_id, None)

    async def _end_unbegun(self, work: _Work) -> None:
        """End a run that has not begun: it was cancelled, or goes back into the queue."""
        text = "cancelled" if work.is_cancelled else "handed back by a worker that stopped"
        if work.flow_run is not None:
            state = await state_of(self.client, work.flow_run.id)
            await self._force(work.flow_run.id, Cancelled(message=text), unless=state)
        became = RequestState.CANCELLED if work.is_cancelled else None
        await self._conclude(work, Ending(state=became, error=text, is_unbegun=True))

    # -------------------------------------------------------------- Prefect

    async def _force(
        self, flow_run_id: uuid.UUID, state: State[Any], *, unless: State[Any] | None = None
    ) -> None:
        """Set a final state, unless the run has one."""
        if unless is not None and unless.is_final():
            return
        try:
            await self.client.set_flow_run_state(flow_run_id, state, force=True)
        except ObjectNotFound:
            _log.warning("a flow run was deleted while it ran", flow_run=str(flow_run_id))

    # -------------------------------------------------------------- limits

    def _room(self) -> int:
        if self._work_pool is None or self._work_pool.is_paused:
            return 0
        if self._queue is not None and self._queue.is_paused:
            return 0
        return int(self.limiter.total_tokens - self.limiter.borrowed_tokens)

    def _background_room(self) -> int:
        """How many more runs of background actions this worker may run now."""
        busy = sum(work.action.is_background and not work.is_parked for work in self.works)
        return max(0, self.configured.background_limit - busy - self._reserved)

    @contextmanager
    def _background(self, number: int) -> Iterator[int]:
        """Reserve room for so many until they are among the works: others take room meanwhile."""
        self._reserved += number
        try:
            yield number
        finally:
            self._reserved -= number

    def _require_room(self, action: Action) -> None:
        if action.is_background and self._background_room() <= 0:
            raise NoRoom("the slots that are left are kept for what people wait for")

    def _ceiling(self) -> int | None:
        """How many runs the pool and its queue allow at a time, in all workers."""
        limits = [each.concurrency_limit for each in (self._work_pool, self._queue) if each]
        known = [limit for limit in limits if limit is not None]
        return min(known) if known else None

    async def _look_at_pool(self) -> None:
        """Read the pool's and queue's pause and limit: Prefect checks them in its poll only."""
        if time.monotonic() - self._snapshot_at < _SNAPSHOT_SECONDS:
            return
        try:
            pool = await self.client.read_work_pool(self._work_pool_name)
        except ObjectNotFound:
            self._deployments.clear()  # they lost it
            pool = await self._keep_pool()
        self._record_work_pool_snapshot(pool)
        queues = await self.client.read_work_queues(work_pool_name=self._work_pool_name)
        self._queue = next((each for each in queues if each.id == pool.default_queue_id), None)
        self._snapshot_at = time.monotonic()

    def _tasks(self) -> anyio.abc.TaskGroup:
        if self._runs_task_group is None:
            raise ProdOpsError("the worker is not set up")
        return self._runs_task_group


def _log_outage(retry: RetryCallState) -> None:
    error = retry.outcome.exception() if retry.outcome else None
    _log.warning("an outage is waited out", reason=f"{type(error).__name__}: {error}")


def _is_missing(error: ObjectNotFound | httpx.HTTPStatusError) -> bool:
    """Whether Prefect has not what was asked for: its client has two ways to say so."""
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code == httpx.codes.NOT_FOUND
    return True


def _reason_against(request: Request, action: Action) -> str | None:
    """Why no run can be made of the request: its row may be older than the form, or anybody's."""
    try:
        action.parse(request.parameters)
    except Invalid as error:
        return f"its parameters are not of the action's form: {error}"
    return None


def _unserved(work: _Work, error: Exception, *, is_admitted: bool) -> Ending:
    """How a request ends whose run could not be made or executed here."""
    text = f"{type(error).__name__}: {error}"
    if is_admitted or is_outage(error):
        return Ending(state=None, error=text, is_unbegun=not is_admitted)
    # Nothing was done, and nothing is away: what may be repeated is, the rest has failed.
    is_rerun = work.action.on_lost is actions.OnLost.RERUN
    return Ending(state=None if is_rerun else RequestState.FAILED, error=text)
