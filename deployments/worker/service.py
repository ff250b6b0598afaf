"""`prodops worker`: the worker's process, its clocks, its drain, its exit codes."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

import psycopg
import structlog
from filelock import FileLock, Timeout

from deployments import signals
from deployments.heartbeat import Heartbeat
from deployments.isolation import outlived
from deployments.other_pools.choosing import elsewhere
from deployments.prefect_access import await_server, bound_retries, configure_client
from deployments.schema import await_schema
from deployments.service_manager.notification import service_manager
from deployments.service_manager.outages import is_database_away
from deployments.service_manager.pauses import is_set_within
from deployments.singletons import Singletons
from deployments.stack.environment import monitor_url
from deployments.stack.layout import Layout
from deployments.worker import expiry
from deployments.worker.identity import Identity, WorkerRuns
from deployments.worker.presence import LOOK_SECONDS, Presence
from flows.common import actions, requests
from flows.common.database import PART_LIMITS, make_engine
from flows.common.database_errors import translated
from flows.common.models import PartKind
from flows.common.notifications import listen_dsn
from flows.common.settings import Settings

if TYPE_CHECKING:
    from deployments.other_pools.dispatching import Dispatcher
    from deployments.worker.registry import Registry  # Prefect reads its settings as it is imported

_TICK_SECONDS: Final = 0.1
_END_SECONDS: Final = 30.0
_ARTIFACT_SECONDS: Final = 2.0  # for what the last runs leave at Prefect
_NAME_SECONDS: Final = 1.0
_REGISTRATION: Final = "registration at Prefect"  # the lock of the worker that registers
_OTHERS_SECONDS: Final = 60.0
_LISTEN_SECONDS: Final = 1.0  # before the database is listened to anew
_REGISTRATION_SECONDS: Final = 15.0  # a schedule whose deployment is gone starts nothing till then
_WITHOUT_QUEUE_SECONDS: Final = 15.0  # a run whose queue was deleted waits till then
_GUARDIAN_SECONDS: Final = 5.0  # between two questions whether it goes on
_COUNT_SECONDS: Final = 5.0
_EDITS_SECONDS: Final = 30.0  # an edit is used at once: this is how late it is shown

_log = structlog.get_logger("worker")


def run(settings: Settings) -> int:
    """Run the worker until SIGTERM; gives the process's exit code."""
    configure_client(settings, is_service=True)
    await_schema()
    with _only_one(settings), Identity(name_of(settings)) as identity:
        service = _Service(settings, identity)
        await_server(settings, meanwhile=service.heartbeat.waiting)
        return asyncio.run(service.run())


def name_of(settings: Settings) -> str:
    """The worker's name everywhere: leases and leftovers are distinguished by it."""
    return f"{settings.worker.name}@{socket.gethostname()}"


@contextmanager
def _only_one(settings: Settings) -> Iterator[None]:
    """Hold the name of the worker's guardian: a second one would kill the first one's runs.

    Raises:
        WorkerRuns: A worker of that name runs with this state directory, whatever its database.
    """
    path = settings.stack.state_dir / f"worker-{settings.worker.name}.lock"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with FileLock(path, blocking=False):
            yield
    except Timeout:
        raise WorkerRuns(
            f"a worker named {settings.worker.name} runs already; "
            "set PRODOPS_WORKER_NAME to start another"
        ) from None


class _Service:
    """One worker's life. Prefect is imported when its environment is set, so imports are inside."""

    def __init__(self, settings: Settings, identity: Identity) -> None:
        from deployments.worker.request_store import RequestStore  # noqa: PLC0415

        self.settings = settings
        self.configured = settings.worker
        self.identity = identity
        self.name = name_of(settings)
        self.engine = make_engine(pool_size=5, limits=PART_LIMITS)
        self.store = RequestStore(self.engine, settings.worker, self.name)
        self._credentials = expiry.Credentials(settings)
        self.heartbeat = Heartbeat(
            settings,
            self.engine,
            PartKind.WORKER,
            self.name,
            details=self._details,
            runs=lambda: None if self.presence.hands is None else self.presence.hands(),
            slots=settings.worker.limit,
        )
        self._registry: Registry | None = None
        self.presence = Presence(settings, self.engine, self.name)
        self.elsewhere = elsewhere(
            settings.prefect.pools, actions.all_actions(), settings.prefect.pool
        )
        self.notified = asyncio.Event()
        self.notified_for_others = asyncio.Event()
        self.listening = asyncio.Event()
        self._looked_for_cancelled_at = -math.inf
        self.stopping = asyncio.Event()

    async def run(self) -> int:
        from prefect.client.orchestration import get_client  # noqa: PLC0415

        from deployments.block_documents.registration import register_blocks  # noqa: PLC0415
        from deployments.worker import sweeper, waiting  # noqa: PLC0415
        from deployments.worker.guardian_client import GuardianClient  # noqa: PLC0415
        from deployments.worker.pool import PoolWorker  # noqa: PLC0415
        from deployments.worker.registered import RegisteredDeployments  # noqa: PLC0415
        from deployments.worker.registration import Registration  # noqa: PLC0415

        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stopping.set)
        bound_retries()
        await _carefully(asyncio.to_thread(self.presence.look))
        async with get_client() as client, self._registering_alone():
            registered = RegisteredDeployments(self.engine)
            pool = self.settings.prefect.pool
            await Registration(client, pool, registered, self.elsewhere).register()
            await register_blocks(client, self.settings)
        guard = await GuardianClient.start(f"{self.settings.stack.state_dir}:{self.name}")
        worker = PoolWorker(
            work_pool_name=self.settings.prefect.pool,
            name=self.name,
            limit=self.configured.limit,
            create_pool_if_not_found=False,
        )
        worker.equip(
            self.store,
            guard,
            self.configured,
            monitor=monitor_url(self.settings),
            freed=self.notified.set,
            elsewhere=self.elsewhere,
        )
        async with worker:
            await worker.sync_with_backend()
            # What a former worker of our name held: its guardian has ended its runs.
            held = await asyncio.to_thread(self.store.held)
            await sweeper.recover_all(worker.client, self.store, held, ended=worker.artifacts.note)
            self._registry = worker.registry
            self.heartbeat.wait_reasons = lambda: waiting.reasons(worker)
            Layout(self.settings.stack.state_dir).say_ready("worker")
            _log.info("the worker is ready", name=self.name, pid=os.getpid())
            self.presence.hands = lambda: len(worker.works)
            chores = self._chores(worker, sweeper)
            service_manager().watchdog.excuse(is_database_away)
            lost = asyncio.create_task(guard.lost.wait())
            stopped = asyncio.create_task(self.stopping.wait())
            done, _ = await asyncio.wait(
                [lost, stopped, *chores], return_when=asyncio.FIRST_COMPLETED
            )
            for chore in done & set(chores):
                _log.error("the worker ends: a chore broke", exc_info=chore.exception())
            is_orderly = self.stopping.is_set() and not guard.lost.is_set()
            await self._drain(worker)
            await worker.artifacts.drain(_ARTIFACT_SECONDS)
            await _carefully(asyncio.to_thread(self.presence.end))
            signals.end_within(_END_SECONDS)
            for chore in (*chores, lost, stopped):
                chore.cancel()
            await asyncio.gather(*chores, lost, stopped, return_exceptions=True)
        await guard.close()
        if any(isinstance(chore.exception(), WorkerRuns) for chore in done & set(chores)):
            return WorkerRuns.exit_code
        return 0 if is_orderly else 1

    @asynccontextmanager
    async def _registering_alone(self) -> AsyncIterator[None]:
        """Let no other worker register at the same time: schedules would be there twice.

        One that takes too long is not waited for.
        """
        with Singletons() as locks:
            deadline = time.monotonic() + _OTHERS_SECONDS
            while not self.stopping.is_set() and time.monotonic() < deadline:
                with outlived("whether another worker registers is not known"):
                    if await asyncio.to_thread(locks.holds, _REGISTRATION):
                        break
                service_manager().waits("waits until another worker has registered")
                await asyncio.sleep(_TICK_SECONDS)
            yield

    def _details(self) -> dict[str, Any]:
        edits = self._registry.edits if self._registry is not None else []
        return {
            "credentials": self._credentials.rows(),
            "edits": [each.row() for each in edits],
        }

    def _chores(self, worker: Any, sweeper: Any) -> list[asyncio.Task[None]]:
        from deployments.block_documents.registration import register_blocks  # noqa: PLC0415
        from deployments.worker.notifying import followed, say_ready  # noqa: PLC0415

        configured = self.configured
        pool = self.settings.prefect.pool

        silences = sweeper.Silences(configured.lease_seconds)

        async def poll() -> None:
            if not worker.works.is_draining:
                await worker.get_and_submit_flow_runs()

        async def renew() -> None:
            claims = [work.claim for work in worker.works]
            if claims:
                cancelled, lost = await asyncio.to_thread(self.store.renew, claims)
                await worker.stopping.cancel_requests(cancelled)
                await worker.stopping.drop(lost)

        async def recover() -> None:
            lost = await sweeper.take_over(self.store, silences, worker.works.request_ids())
            await sweeper.recover_all(worker.client, self.store, lost, ended=worker.artifacts.note)
            await sweeper.open_owed(self.store)
            await sweeper.name_unknown_actions(self.store)

        async def end_orphans() -> None:
            runs = set(worker.works.by_run())
            age = 2 * configured.lease_seconds
            await sweeper.end_orphans(
                worker.client, self.store, pool=pool, ours=runs, age_seconds=age
            )

        async def keep_blocks() -> None:
            await register_blocks(worker.client, self.settings)

        async def be_present() -> None:
            await asyncio.to_thread(self.presence.look)

        async def count_requests() -> None:
            await asyncio.to_thread(self.store.fold_counts)

        # What has bounded rounds; without any of these a worker works on nothing.
        vital = [
            (LOOK_SECONDS, be_present, "presence"),
            (configured.prefect_poll_seconds, poll, "poll"),
            (configured.lease_seconds / 3, renew, "leases"),
            (_GUARDIAN_SECONDS, worker.guard.answer, "guardian"),
        ]
        every = [
            (_COUNT_SECONDS, count_requests),
            (configured.prefect_poll_seconds, worker.stopping.look_for_cancelling),
            (30.0, worker.sync_with_backend),
            (_WITHOUT_QUEUE_SECONDS, worker.take_without_queue),
            (configured.lease_seconds / 3, recover),
            (2 * configured.lease_seconds, end_orphans),
        ]
        return [
            asyncio.create_task(say_ready(worker, self.heartbeat, self.listening)),
            asyncio.create_task(self._keep_name()),
            asyncio.create_task(self._listen()),
            asyncio.create_task(self._serve(worker)),
            asyncio.create_task(worker.artifacts.run()),
            asyncio.create_task(_keep_registered(worker.registry, keep_blocks)),
            asyncio.create_task(_look_for_edits(worker.registry)),
            asyncio.create_task(self.heartbeat.run()),
            *[asyncio.create_task(_repeat(seconds, chore)) for seconds, chore in every],
            *[asyncio.create_task(followed(*each)) for each in vital],
            *self._handovers(worker),
        ]

    def _handovers(self, worker: Any) -> list[asyncio.Task[None]]:
        """What is done for each of the other pools."""
        if not self.elsewhere:
            return []
        from deployments.other_pools.dispatching import dispatchers  # noqa: PLC0415

        configured = self.configured
        made = dispatchers(self.settings, self.engine, worker.flow_runs, self.elsewhere)
        every = [
            (configured.lease_seconds / 3, "renew"),
            (configured.prefect_poll_seconds, "look_after"),
            (2 * configured.lease_seconds, "end_orphans"),
        ]
        return [
            asyncio.create_task(self._dispatch(worker, made)),
            *[
                asyncio.create_task(_repeat(seconds, getattr(each, chore)))
                for each in made
                for seconds, chore in every
            ],
        ]

    async def _serve(self, worker: Any) -> None:
        """Serve the queue when one is notified, and by the clock."""
        with service_manager().watchdog.following("claims") as round_done:
            while True:
                self.notified.clear()
                await _carefully(self._serve_once(worker, round_done))
                round_done()
                await is_set_within(self.notified, self.configured.poll_seconds, round_done)

    async def _dispatch(self, worker: Any, dispatchers: Sequence[Dispatcher]) -> None:
        """Hand requests over to other pools when one is notified, and by the clock."""
        with service_manager().watchdog.following("hand-overs") as round_done:
            while True:
                self.notified_for_others.clear()
                for each in dispatchers if not worker.works.is_draining else ():
                    await _carefully(each.hand_over())
                    round_done()
                round_done()
                event = self.notified_for_others
                await is_set_within(event, self.configured.poll_seconds, round_done)

    async def _serve_once(self, worker: Any, round_done: Callable[[], None]) -> None:
        elapsed = time.monotonic() - self._looked_for_cancelled_at
        if worker.works and elapsed >= self.configured.poll_seconds:
            self._looked_for_cancelled_at = time.monotonic()
            ids = worker.works.request_ids()
            cancelled = await asyncio.to_thread(self.store.cancelled, ids)
            await worker.stopping.cancel_requests(cancelled)
        while await worker.serve_queue():
            round_done()

    async def _keep_name(self) -> None:
        """Hold the worker's name through outages; ends with `WorkerRuns` where another has it."""
        while True:
            await asyncio.sleep(_NAME_SECONDS)
            with outlived("the worker's name cannot be kept", ended_by=(WorkerRuns,)):
                await asyncio.to_thread(self.identity.keep)

    async def _listen(self) -> None:
        """Wake when the database says that a request waits."""
        while True:
            with outlived("the worker hears nothing from the database"), translated():
                async with await psycopg.AsyncConnection.connect(
                    listen_dsn(), autocommit=True
                ) as connection:
                    await connection.execute(f"LISTEN {requests.CHANNEL}")
                    self._wake()
                    self.listening.set()
                    async for each in connection.notifies():
                        if each.payload == requests.CANCELLATION:
                            self._looked_for_cancelled_at = -math.inf
                        self._wake()
            await asyncio.sleep(_LISTEN_SECONDS)

    def _wake(self) -> None:
        self.notified.set()
        self.notified_for_others.set()

    async def _drain(self, worker: Any) -> None:
        """Let running work end, or hand it back; nothing new is taken."""
        from deployments.worker.notifying import say_draining  # noqa: PLC0415

        worker.works.is_draining = True
        deadline = time.monotonic() + self.configured.drain_seconds
        service_manager().stopping("drains")
        while worker.works:
            say_draining(worker, has_time=time.monotonic() < deadline)
            await _carefully(worker.stopping.hand_back(everything=time.monotonic() > deadline))
            await asyncio.sleep(_TICK_SECONDS)


async def _keep_registered(registry: Registry, keep_blocks: Callable[[], Awaitable[None]]) -> None:
    """Register what is missing at Prefect: by the clock, and where something was found missing.

    Where deployments were missing, Prefect may have lost the blocks too.
    """

    async def keep() -> None:
        if await registry.keep():
            await keep_blocks()

    while True:
        with suppress(TimeoutError):
            async with asyncio.timeout(_REGISTRATION_SECONDS):
                await registry.is_incomplete.wait()
        await _carefully(keep())


async def _look_for_edits(registry: Registry) -> None:
    """See at the start and by the clock what an operator has edited at Prefect."""
    while True:
        await _carefully(registry.look_for_edits())
        await asyncio.sleep(_EDITS_SECONDS)


async def _repeat(seconds: float, chore: Callable[[], Awaitable[Any]]) -> None:
    while True:
        await asyncio.sleep(seconds)
        await _carefully(chore())


async def _carefully(chore: Awaitable[Any]) -> None:
    """Do a repeated chore: an outage is logged and waited out, and no fault ends the worker."""
    with outlived("a chore broke; it is tried again"):
        await chore
