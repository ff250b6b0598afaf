"""The pool and the deployments as a worker uses them: registered again where they were deleted."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import suppress

import structlog
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import WorkPool, WorkQueue
from prefect.exceptions import ObjectNotFound

from deployments.isolation import isolated
from deployments.worker.registration import missing_actions, register_deployment, register_pool
from flows.common import actions
from flows.common.actions import Action

_log = structlog.get_logger("worker")


class Registry:
    """What is registered at Prefect for one worker."""

    def __init__(self, client: PrefectClient, pool: str) -> None:
        self._client = client
        self._pool = pool
        self._deployments: dict[str, uuid.UUID] = {}
        self._registering = asyncio.Lock()

    async def deployment(self, action: str) -> uuid.UUID:
        """The id of the action's deployment, registered again where it was deleted; remembered."""
        if action not in self._deployments:
            async with self._registering:
                if action not in self._deployments:
                    self._deployments[action] = await self._find_or_register(actions.get(action))
        return self._deployments[action]

    def forget(self) -> None:
        """Remember no deployment: one was deleted, or made anew."""
        self._deployments.clear()

    async def pool(self) -> tuple[WorkPool, WorkQueue | None]:
        """The pool, and its default queue."""
        try:
            pool = await self._client.read_work_pool(self._pool)
        except ObjectNotFound:
            self.forget()  # they lost it
            pool = await self._keep_pool()
        queues = await self._client.read_work_queues(work_pool_name=self._pool)
        return pool, next((each for each in queues if each.id == pool.default_queue_id), None)

    async def keep(self) -> None:
        """Register again what was deleted: a deployment, the pool, or all that Prefect had.

        One after the other: what somebody waits for comes between, and waits for one at most.
        """
        await self._keep_pool()
        missing = await missing_actions(self._client, self._pool)
        for action in missing:
            self._deployments.pop(action.name, None)
        for action in missing:
            with isolated("a deployment could not be registered", deployment=action.name):
                await self.deployment(action.name)

    async def _keep_pool(self) -> WorkPool:
        async with self._registering:
            return await register_pool(self._client, self._pool)

    async def _find_or_register(self, action: Action) -> uuid.UUID:
        with suppress(ObjectNotFound):
            name = f"{action.flow_name}/{action.name}"
            found = await self._client.read_deployment_by_name(name)
            if found.work_pool_name == self._pool:  # else its pool was deleted
                return found.id
        await register_pool(self._client, self._pool)
        _log.warning("registers again what is missing at Prefect", deployment=action.name)
        return await register_deployment(self._client, self._pool, action)
