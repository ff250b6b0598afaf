"""The pool and the deployments as a worker uses them: registered again where they were deleted."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import WorkPool, WorkQueue
from prefect.exceptions import ObjectNotFound

from deployments.worker.registration import register_missing
from flows.common import actions

_T = TypeVar("_T")

_log = structlog.get_logger("worker")


class Registry:
    """What is registered at Prefect for one worker."""

    def __init__(self, client: PrefectClient, pool: str) -> None:
        self._client = client
        self._pool = pool
        self._deployments: dict[str, uuid.UUID] = {}
        self._registering = asyncio.Lock()

    async def deployment(self, action: str) -> uuid.UUID:
        """The deployment of the action; remembered."""
        if action not in self._deployments:
            name = f"{actions.get(action).flow_name}/{action}"
            found = await self._registered(lambda: self._client.read_deployment_by_name(name))
            self._deployments[action] = found.id
        return self._deployments[action]

    def forget(self) -> None:
        """Remember no deployment: one was deleted, or made anew."""
        self._deployments.clear()

    async def pool(self) -> tuple[WorkPool, WorkQueue | None]:
        """The pool, and its default queue."""
        pool = await self._registered(lambda: self._client.read_work_pool(self._pool))
        queues = await self._client.read_work_queues(work_pool_name=self._pool)
        return pool, next((each for each in queues if each.id == pool.default_queue_id), None)

    async def keep(self) -> None:
        """Register again what was deleted: a deployment, the pool, or all that Prefect had."""
        async with self._registering:
            missing = await register_missing(self._client, self._pool)
        if missing:
            self.forget()
            _log.warning("registered again what was missing at Prefect", deployments=missing)

    async def _registered(self, ask: Callable[[], Awaitable[_T]]) -> _T:
        """What `ask` gives of what is registered at Prefect, once more where it was deleted."""
        try:
            return await ask()
        except ObjectNotFound:
            await self.keep()
            return await ask()
