"""The pool and the deployments as a worker uses them: registered again where they were deleted."""

from __future__ import annotations

import asyncio
import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Final

import httpx
import structlog
from prefect.client.schemas.objects import WorkPool, WorkQueue
from prefect.exceptions import ObjectNotFound

from deployments.isolation import is_outage, isolated
from deployments.worker import pool_edits
from deployments.worker.deployment_parts import Edit
from deployments.worker.registration import Registration, limit_name, register_pool
from flows.common import actions
from flows.common.actions import Action
from flows.common.capacity import SharedCeiling

_AT_ONCE: Final = 6  # where all are missing: each waits for Prefect, which has other work then
_LONGEST_REASON: Final = 200

_log = structlog.get_logger("worker")


class Registry:
    """What is registered at Prefect for one worker.

    Attributes:
        is_incomplete: Set where something was found missing: the rest may be, too.
        refused: Why Prefect refuses to register, by action; None: the pool.
        edits: What an operator has edited at Prefect, as it was last looked at.
    """

    def __init__(self, registration: Registration) -> None:
        self._registration = registration
        self._client = registration.client
        self._pool = registration.pool
        self._deployments: dict[str, uuid.UUID] = {}
        self._locks: defaultdict[str | None, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._number: int | None = None  # of deployments, when none was missing
        self._limits: Mapping[str, int | None] | None = None
        self.is_incomplete = asyncio.Event()
        self.refused: dict[str | None, str] = {}
        self.edits: list[Edit] = []

    async def deployment(self, action: str) -> uuid.UUID:
        """The id of the action's deployment, registered again where it was deleted; remembered."""
        if action not in self._deployments:
            async with self._locks[action]:
                if action not in self._deployments:
                    with self._noting(action):
                        found = await self._find_or_register(actions.get(action))
                    self._deployments[action] = found
        return self._deployments[action]

    def forget(self) -> None:
        """Remember no deployment: one was deleted, or made anew."""
        self._deployments.clear()

    async def pool(self) -> tuple[WorkPool, list[WorkQueue]]:
        """The pool, and its queues."""
        try:
            pool = await self._client.read_work_pool(self._pool)
        except ObjectNotFound:
            self.forget()  # they lost it
            self.is_incomplete.set()
            pool = await self._keep_pool()
        return pool, await self._client.read_work_queues(work_pool_name=self._pool)

    async def limits(
        self, pool: WorkPool, queues: Sequence[WorkQueue]
    ) -> tuple[dict[str, str], list[SharedCeiling]]:
        """The actions of which Prefect lets no run begin, each with the reason; and queues' limits.

        The default queue, which concerns them all, is not looked at.
        """
        others = [each for each in queues if each.id != pool.default_queue_id]
        shut = [each for each in others if each.is_paused or each.concurrency_limit == 0]
        limited = [each for each in others if each.concurrency_limit]
        self._limits = await self._registration.limits()
        if not shut and not limited and 0 not in self._limits.values():
            return {}, []
        found = await self._registration.deployments()
        closed = self._registration.closed(found, shut)
        return closed, self._registration.shared(found, limited)

    def counts_runs(self, action: str) -> bool:
        """Whether Prefect has to be asked before a run of the action begins: it may count them."""
        known = self._deployments.get(action)
        return self._limits is None or known is None or limit_name(known) in self._limits

    async def keep(self) -> bool:
        """Register again what was deleted: a deployment, the pool, or all that Prefect had.

        What somebody waits for meanwhile waits for its own deployment alone.

        Returns:
            Whether a deployment was missing.
        """
        if self.is_incomplete.is_set():
            self._number = None
        self.is_incomplete.clear()
        await self._keep_pool()
        number = await self._registration.count()
        if number == self._number:
            return False
        missing = self._registration.missing(await self._registration.deployments())
        self._number = None if missing else number
        for name in self.refused.keys() - {None, *(action.name for action in missing)}:
            self.refused.pop(name, None)  # somebody else has registered it
        for action in missing:
            self._deployments.pop(action.name, None)
        await asyncio.gather(*[self._register_again(action) for action in missing])
        return bool(missing)

    async def look_for_edits(self) -> None:
        """Note what an operator has edited: an edit is used at once, and shown a while later.

        Job variables are no edit: they are taken away again.
        """
        of_pool = list(pool_edits.edits(*await self.pool()))
        found = await self._registration.deployments()
        self.edits = [*of_pool, *self._registration.edits(found)]
        for action in self._registration.unlocked(found):
            with isolated("job variables could not be taken away", deployment=action.name):
                await self.restore(action)

    async def restore(self, action: Action) -> None:
        """Restore of an action's deployment what nobody may edit."""
        async with self._locks[action.name]:
            with self._noting(action.name):
                found = await self._registration.register_deployment(action)
            self._deployments[action.name] = found

    async def _register_again(self, action: Action) -> None:
        async with self._places, self._locks[action.name]:
            if action.name in self._deployments:
                return  # somebody waited for it
            with (
                isolated("a deployment could not be registered", deployment=action.name),
                self._noting(action.name),
            ):
                self._deployments[action.name] = await self._register(action)

    async def _keep_pool(self) -> WorkPool:
        async with self._locks[None]:
            with self._noting(None):
                return await register_pool(self._client, self._pool)

    @contextmanager
    def _noting(self, action: str | None) -> Iterator[None]:
        """Note why Prefect refuses to register an action's deployment, or the pool."""
        try:
            yield
        except Exception as error:
            if not is_outage(error):
                self.refused[action] = _reason(error)
            raise
        self.refused.pop(action, None)

    async def _find_or_register(self, action: Action) -> uuid.UUID:
        with suppress(ObjectNotFound):
            name = f"{action.flow_name}/{action.name}"
            found = await self._client.read_deployment_by_name(name)
            # Else its pool was deleted, or it is to go to another one.
            if found.work_pool_name == self._registration.pool_of(action.name):
                return found.id
        self.is_incomplete.set()
        await self._keep_pool()
        return await self._register(action)

    async def _register(self, action: Action) -> uuid.UUID:
        _log.warning("registers again what is missing at Prefect", deployment=action.name)
        return await self._registration.register_deployment(action)


def _reason(error: Exception) -> str:
    if isinstance(error, httpx.HTTPStatusError):
        said = " ".join(error.response.text.split())[:_LONGEST_REASON]
        return f"HTTP {error.response.status_code} {said}".strip()
    return f"{type(error).__name__}: {error}"[:_LONGEST_REASON]
