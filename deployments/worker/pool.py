"""The warm worker: requests and Prefect's own runs, each in a fresh process that is warm.

Prefect's part of a worker is here; what it does is in the classes that `setup` puts together.
"""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import anyio.abc
import structlog
from prefect.client.schemas.objects import FlowRun, WorkPool
from prefect.client.schemas.responses import WorkerFlowRunResponse
from prefect.workers.base import (
    BaseJobConfiguration,
    BaseVariables,
    BaseWorker,
    BaseWorkerResult,
)

from blocks.errors import ProdOpsError
from deployments.worker import waiting
from deployments.worker.artifacts import RunArtifacts
from deployments.worker.claimed_runs import ClaimedRuns
from deployments.worker.closing import Closing
from deployments.worker.execution import Execution
from deployments.worker.flow_runs import FlowRuns
from deployments.worker.guardian_client import GuardianClient
from deployments.worker.polled_runs import PolledRuns
from deployments.worker.registered import RegisteredDeployments
from deployments.worker.registration import WORKER_TYPE, Registration
from deployments.worker.registry import Registry
from deployments.worker.request_store import NoRoom, RequestStore
from deployments.worker.room import PoolLimits, Room
from deployments.worker.stopping import Stopping
from deployments.worker.works import Works
from flows.common.settings import WorkerSettings

_LIMITS_SECONDS: Final = 5.0

_log = structlog.get_logger("worker")


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
    works: Works
    registry: Registry
    monitor: str
    room: Room
    stopping: Stopping
    artifacts: RunArtifacts
    elsewhere: Mapping[str, str]
    flow_runs: FlowRuns

    def equip(
        self,
        store: RequestStore,
        guard: GuardianClient,
        configured: WorkerSettings,
        *,
        monitor: str,
        freed: Callable[[], None],
        elsewhere: Mapping[str, str] | None = None,
    ) -> None:
        """Give the worker, before it starts, what it works with.

        Args:
            store: Its requests.
            guard: Its guardian.
            configured: Its settings.
            monitor: The monitor's address.
            freed: Called when one of its slots is free again.
            elsewhere: The pools of the actions that other pools run.
        """
        self.monitor = monitor
        self._freed = freed
        self.elsewhere = elsewhere or {}
        self.store = store
        self.guard = guard
        self.configured = configured
        self.works = Works()
        self._limits = PoolLimits()
        self._limits_at = -math.inf
        self._held: set[str] = set()

    async def setup(self) -> None:
        """Connect to Prefect, and put together what works with that connection."""
        await super().setup()
        if self._runs_task_group is None:
            raise ProdOpsError("the worker is not set up")
        works, store, guard = self.works, self.store, self.guard
        grace = self.configured.stop_grace_seconds
        registered = RegisteredDeployments(store.engine)
        self.registry = Registry(
            Registration(self.client, self._work_pool_name, registered, self.elsewhere)
        )
        self.flow_runs = flow_runs = FlowRuns(self.client, self.registry)
        closing = Closing(store, flow_runs)
        self.stopping = Stopping(
            works=works, guard=guard, flow_runs=flow_runs, closing=closing, grace_seconds=grace
        )
        self.artifacts = RunArtifacts(self.client, store, self.monitor)
        execution = Execution(
            works=works,
            store=store,
            guard=guard,
            closing=closing,
            grace_seconds=grace,
            watching=self._watching,
            ended=self.artifacts.note,
        )
        self.room = room = Room(
            works,
            self._limits,
            slots=self.limiter,
            background_limit=self.configured.background_limit,
        )
        self._polled = PolledRuns(
            works=works, room=room, store=store, flow_runs=flow_runs, execution=execution
        )
        self._claimed = ClaimedRuns(
            works=works,
            room=room,
            store=store,
            flow_runs=flow_runs,
            execution=execution,
            closing=closing,
            tasks=self._runs_task_group,
            freed=self._freed,
            elsewhere=self.elsewhere.keys(),
        )

    async def serve_queue(self) -> int:
        """Claim what waits, as far as there is room; gives how many were claimed."""
        if self.works.is_draining or not self.is_setup:
            return 0
        await self._look_at_pool()
        return await self._claimed.serve()

    async def take_without_queue(self) -> None:
        """Take the runs whose queue was deleted, as the poll would have brought them."""
        if self.works.is_draining or self._limits.is_shut:
            return
        nowhere = uuid.UUID(int=0)
        brought = [
            WorkerFlowRunResponse(work_pool_id=nowhere, work_queue_id=nowhere, flow_run=run)
            for run in await self.flow_runs.without_queue()
        ]
        await self._submit_scheduled_flow_runs(brought)

    async def _look_at_pool(self) -> None:
        """Read the pool's and queues' pause and limit: Prefect checks them in its poll only."""
        if time.monotonic() - self._limits_at < _LIMITS_SECONDS:
            return
        pool, queues = await self.registry.pool()
        self._limits.queue = next((q for q in queues if q.id == pool.default_queue_id), None)
        limits = await self.registry.limits(pool, queues)
        self._limits.closed, self._limits.shared = limits
        self._record_work_pool_snapshot(pool)
        self._limits_at = time.monotonic()
        self._say_held({each.text for each in waiting.held_by_prefect(self._limits)})

    def _say_held(self, held: set[str]) -> None:
        """Log once what Prefect holds back, and that it does so no longer."""
        for reason in sorted(held - self._held):
            _log.warning("Prefect holds work back", reason=reason)
        for reason in sorted(self._held - held):
            _log.info("Prefect holds work back no longer", reason=reason)
        self._held = held

    @contextmanager
    def _watching(self, flow_run_id: uuid.UUID) -> Iterator[None]:
        """Have Prefect's events say meanwhile that the run is being cancelled."""
        if self._cancelling_observer is not None:
            self._cancelling_observer.add_in_flight_flow_run_id(flow_run_id)
        try:
            yield
        finally:
            if self._cancelling_observer is not None:
                self._cancelling_observer.remove_in_flight_flow_run_id(flow_run_id)

    # -------------------------------------------------------------- called by the base worker

    async def run(
        self,
        flow_run: FlowRun,
        configuration: BaseJobConfiguration,
        task_status: anyio.abc.TaskStatus[int] | None = None,
    ) -> BaseWorkerResult:
        """Not the way in: a run needs its request (see `_submit_run`)."""
        raise NotImplementedError("prodops runs are started with their request")

    def _record_work_pool_snapshot(self, work_pool: WorkPool) -> None:
        super()._record_work_pool_snapshot(work_pool)
        self._limits.pool = self._work_pool

    async def _submit_run(self, flow_run: FlowRun) -> None:
        """Run what Prefect's poll brings, under its request."""
        try:
            if not self.works.is_draining:
                await self._polled.take(flow_run)
        except NoRoom:
            return  # the next poll brings the run again
        except Exception:  # noqa: BLE001 - the next poll brings the run again
            _log.exception("a scheduled run could not be taken", flow_run=str(flow_run.id))
        finally:
            self._release_limit_slot(flow_run.id)
            self._submitting_flow_run_ids.discard(flow_run.id)
            self._freed()

    async def _cancel_run(self, flow_run_id: uuid.UUID) -> None:
        """Stop a run whose state is Cancelling."""
        if (work := self.works.by_run().get(flow_run_id)) is not None:
            await self.stopping.cancel(work)
