"""A Prefect in memory: its answers, and what is registered there."""

from __future__ import annotations

import asyncio
import uuid
from types import SimpleNamespace
from typing import Any

import httpx
from prefect.exceptions import ObjectNotFound

from deployments.worker.registration import LOCKED_TEMPLATE


def answer(status: int) -> httpx.HTTPStatusError:
    """Prefect's answer of that status, as its client raises it."""
    response = httpx.Response(status, request=httpx.Request("GET", "http://prefect"))
    return httpx.HTTPStatusError("no", request=response.request, response=response)


class FakePrefect:
    """Prefect's pools and deployments, by name."""

    def __init__(self) -> None:
        self.pools: set[str] = set()
        self.deployments: dict[str, Any] = {}
        self.runs: list[Any] = []
        self.registered: list[str] = []
        self.refused: set[str] = set()
        self.reads = 0

    async def read_work_pool(self, name: str) -> Any:
        if name not in self.pools:
            raise ObjectNotFound(Exception(name))
        return SimpleNamespace(base_job_template=LOCKED_TEMPLATE, default_queue_id=None)

    async def create_work_pool(self, pool: Any) -> Any:
        self.pools.add(pool.name)
        return await self.read_work_pool(pool.name)

    async def read_work_queues(self, **_: Any) -> list[Any]:
        return []

    def delete_pool(self) -> None:
        self.pools.clear()
        for each in self.deployments.values():
            each.work_pool_name = None

    async def create_flow(self, _flow: Any) -> str:
        return "flow"

    async def create_deployment(self, *, name: str, work_pool_name: str, **_: Any) -> uuid.UUID:
        await asyncio.sleep(0)
        if name in self.refused:
            raise answer(422)
        self.registered.append(name)
        made = SimpleNamespace(name=name, id=uuid.uuid4(), work_pool_name=work_pool_name)
        self.deployments[name] = made
        return made.id

    async def read_deployments(self, **_: Any) -> list[Any]:
        self.reads += 1
        return self._in_pool()

    def _in_pool(self) -> list[Any]:
        return [each for each in self.deployments.values() if each.work_pool_name]

    async def request(self, _method: str, path: str, **_: Any) -> httpx.Response:
        assert path == "/deployments/count"
        return httpx.Response(200, json=len(self._in_pool()))

    async def read_deployment_by_name(self, name: str) -> Any:
        try:
            return self.deployments[name.rpartition("/")[2]]
        except KeyError:
            raise ObjectNotFound(Exception(name)) from None

    async def create_flow_run_from_deployment(self, deployment_id: Any, **_: Any) -> Any:
        if deployment_id not in {each.id for each in self.deployments.values()}:
            raise ObjectNotFound(Exception(str(deployment_id)))
        self.runs.append(deployment_id)
        return SimpleNamespace(id="run")

    async def read_flow_runs(self, **_: Any) -> list[Any]:
        return []
